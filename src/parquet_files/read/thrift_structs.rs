//! The structs of a Parquet footer and of page headers, as far as the parquet crate reads them without a look at the
//! types of their fields. It skips other fields by their type.
//!
//! The numbers are those of the structs in parquet.thrift. Booleans are left out, because the crate checks them.

use super::thrift::Fields;
use super::thrift::Kind::{Binary, Byte, Double, Integer, List, Struct};

/// `PageHeader`. The crate skips the statistics in it.
pub(super) const PAGE_HEADER: Fields = &[
    (1, Integer),
    (2, Integer),
    (3, Integer),
    (4, Integer),
    (5, Struct(DATA_PAGE_HEADER)),
    (6, Struct(EMPTY)),
    (7, Struct(DICTIONARY_PAGE_HEADER)),
    (8, Struct(DATA_PAGE_HEADER_V2)),
];

const DATA_PAGE_HEADER: Fields = &[(1, Integer), (2, Integer), (3, Integer), (4, Integer)];

const DICTIONARY_PAGE_HEADER: Fields = &[(1, Integer), (2, Integer)];

const DATA_PAGE_HEADER_V2: Fields =
    &[(1, Integer), (2, Integer), (3, Integer), (4, Integer), (5, Integer), (6, Integer)];

/// `FileMetaData`. Without its feature for encryption, the crate skips the fields 8 and 9.
pub(super) const FILE_METADATA: Fields = &[
    (1, Integer),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Integer),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_VALUE))),
    (6, Binary),
    (7, List(&Struct(COLUMN_ORDER))),
];

const SCHEMA_ELEMENT: Fields = &[
    (1, Integer),
    (2, Integer),
    (3, Integer),
    (4, Binary),
    (5, Integer),
    (6, Integer),
    (7, Integer),
    (8, Integer),
    (9, Integer),
    (10, Struct(LOGICAL_TYPE)),
];

/// `LogicalType`, a union. The crate reads one byte of an empty struct.
const LOGICAL_TYPE: Fields = &[
    (1, Struct(EMPTY)),
    (2, Struct(EMPTY)),
    (3, Struct(EMPTY)),
    (4, Struct(EMPTY)),
    (5, Struct(DECIMAL)),
    (6, Struct(EMPTY)),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(INTEGER)),
    (11, Struct(EMPTY)),
    (12, Struct(EMPTY)),
    (13, Struct(EMPTY)),
    (14, Struct(EMPTY)),
    (15, Struct(EMPTY)),
    (16, Struct(VARIANT)),
    (17, Struct(GEOMETRY)),
    (18, Struct(GEOGRAPHY)),
];

const EMPTY: Fields = &[];

const DECIMAL: Fields = &[(1, Integer), (2, Integer)];

/// `TimeType` and `TimestampType`, with the union `TimeUnit`.
const TIME: Fields = &[(2, Struct(&[(1, Struct(EMPTY)), (2, Struct(EMPTY)), (3, Struct(EMPTY))]))];

const INTEGER: Fields = &[(1, Byte)];

const VARIANT: Fields = &[(1, Byte)];

const GEOMETRY: Fields = &[(1, Binary)];

const GEOGRAPHY: Fields = &[(1, Binary), (2, Integer)];

const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Integer),
    (3, Integer),
    (4, List(&Struct(SORTING_COLUMN))),
    (5, Integer),
    (7, Integer),
];

const SORTING_COLUMN: Fields = &[(1, Integer)];

/// `ColumnChunk`. Without its feature for encryption, the crate skips the fields 8 and 9.
const COLUMN_CHUNK: Fields =
    &[(1, Binary), (2, Integer), (3, Struct(COLUMN_METADATA)), (4, Integer), (5, Integer), (6, Integer), (7, Integer)];

/// `ColumnMetaData`. The crate skips the path and the key-value pairs.
const COLUMN_METADATA: Fields = &[
    (1, Integer),
    (2, List(&Integer)),
    (4, Integer),
    (5, Integer),
    (6, Integer),
    (7, Integer),
    (9, Integer),
    (10, Integer),
    (11, Integer),
    (12, Struct(STATISTICS)),
    (13, List(&Struct(PAGE_ENCODING_STATISTICS))),
    (14, Integer),
    (15, Integer),
    (16, Struct(SIZE_STATISTICS)),
    (17, Struct(GEOSPATIAL_STATISTICS)),
];

const STATISTICS: Fields = &[(1, Binary), (2, Binary), (3, Integer), (4, Integer), (5, Binary), (6, Binary)];

const PAGE_ENCODING_STATISTICS: Fields = &[(1, Integer), (2, Integer), (3, Integer)];

const SIZE_STATISTICS: Fields = &[(1, Integer), (2, List(&Integer)), (3, List(&Integer))];

const GEOSPATIAL_STATISTICS: Fields = &[(1, Struct(BOUNDING_BOX)), (2, List(&Integer))];

const BOUNDING_BOX: Fields =
    &[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)];

const KEY_VALUE: Fields = &[(1, Binary), (2, Binary)];

/// `ColumnOrder`, a union. The crate skips unknown orders.
const COLUMN_ORDER: Fields = &[(1, Struct(EMPTY))];
