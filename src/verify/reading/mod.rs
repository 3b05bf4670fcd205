//! Reads tables from any source as plain rows, in stripes of customers.

mod convert;
mod extent;
mod key_columns;
mod rows;
mod stripe;
mod stripe_reader;

pub use convert::Converter;
pub use extent::Extent;
pub use key_columns::CUSTOMER_ID;
pub use rows::{Rows, UNKNOWN};
pub use stripe::Stripe;
pub use stripe_reader::StripeReader;
