//! The fixed values of labels in metrics and logs.

use tonic::Code;

/// Defines an enum whose variants have a name in logs and metrics.
macro_rules! labels {
    ($(#[$doc:meta])* $label:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::flight::server) enum $label {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $label {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

labels! {
    /// How a stream ended.
    Outcome {
        /// All of it was sent.
        Complete = "complete",
        /// The client left, or its connection broke.
        Cancelled = "cancelled",
        /// The server stopped.
        Stopped = "stopped",
        /// Generating failed.
        Failed = "failed",
    }
}

labels! {
    /// Why a call was refused.
    Cause {
        /// A malformed request, an unknown key or an invalid value.
        Misuse = "misuse",
        UnknownTable = "unknown_table",
        /// A call, an action or an encoding that the server does not have.
        Unsupported = "unsupported",
        ModelMismatch = "model_mismatch",
        /// More customers or a longer request than a limit allows.
        TooLarge = "too_large",
        /// Too many open streams, in all or of one name.
        Streams = "streams",
        /// Too many open connections.
        Connections = "connections",
        /// No token, or an unknown one.
        Unauthenticated = "unauthenticated",
        /// The server is stopping.
        Stopping = "stopping",
        /// A fault of this program.
        Internal = "internal",
    }
}

impl Cause {
    /// The cause that a status of a refusal stands for.
    pub const fn of(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::Misuse,
            Code::NotFound => Self::UnknownTable,
            Code::Unimplemented => Self::Unsupported,
            Code::FailedPrecondition => Self::ModelMismatch,
            Code::ResourceExhausted => Self::TooLarge,
            Code::Unauthenticated | Code::PermissionDenied => Self::Unauthenticated,
            Code::Unavailable => Self::Stopping,
            _ => Self::Internal,
        }
    }
}
