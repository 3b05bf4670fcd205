//! What a table is: its name, columns, keys and order. Each model has tables of its own.

use super::names::Names;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A table of a model.
#[derive(Clone, Copy)]
pub struct Table(&'static TableSpec);

/// All facts about a table. The descriptions are those of the schemas, the files and `saasgen describe`.
#[derive(Debug)]
pub struct TableSpec {
    /// The model that the table belongs to.
    pub model: ModelVersion,
    /// The name of the table in every format.
    pub name: &'static str,
    /// The meaning of a row in one line.
    pub summary: &'static str,
    /// The columns, in order. There are at most 32.
    pub columns: &'static [ColumnSpec],
    /// The columns whose values together are different in every row.
    pub primary_key: &'static [&'static str],
    /// The columns whose values are all in another table.
    pub foreign_keys: &'static [ForeignKey],
    /// The columns that identify a row and that rows are sorted by, most significant first.
    pub sort_columns: &'static [&'static str],
    /// The column that a range of dates filters.
    pub date_column: Option<&'static str>,
    /// Whether rows belong to customers.
    pub has_customers: bool,
    /// Whether the company itself could have the table. Other tables hold the truth behind the observations.
    pub is_observed: bool,
}

/// A model's name and the version of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelVersion {
    /// The name of the built-in model.
    pub name: &'static str,
    /// The version of the generated values. It changes only in releases that change values, which are breaking releases.
    pub values: &'static str,
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit whole numbers.
    Int64,
    /// 32-bit whole numbers.
    Int32,
    /// Dates, as days since 1970-01-01.
    Date,
    /// Names from a list.
    Text(Names),
    /// Amounts with two decimals.
    Money,
    /// 64-bit floating-point numbers.
    Float64,
    /// Truth values.
    Boolean,
}

/// A column: its name, type and law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The name in every format.
    pub name: &'static str,
    /// The type of the values.
    pub kind: Kind,
    /// The meaning and the distribution of the values. It is the column's description in every schema and file.
    pub law: &'static str,
}

impl ColumnSpec {
    /// Returns a column.
    pub const fn new(name: &'static str, kind: Kind, law: &'static str) -> Self {
        Self { name, kind, law }
    }
}

/// A column whose values are all in the primary key of another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignKey {
    /// The column.
    pub column: &'static str,
    /// The other table.
    pub table: Table,
    /// The column of the other table.
    pub references: &'static str,
}

impl Table {
    /// Returns the table with these facts.
    pub const fn new(spec: &'static TableSpec) -> Self {
        Self(spec)
    }

    /// Returns the model that the table belongs to.
    pub const fn model(self) -> ModelVersion {
        self.0.model
    }

    /// Returns the name of the table in every format.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// Returns the meaning of a row in one line. It is the table's description in every schema, file and catalogue.
    pub const fn summary(self) -> &'static str {
        self.0.summary
    }

    /// Returns the columns, in order.
    pub const fn columns(self) -> &'static [ColumnSpec] {
        self.0.columns
    }

    /// Returns the columns whose values together are different in every row.
    pub const fn primary_key(self) -> &'static [&'static str] {
        self.0.primary_key
    }

    /// Returns the columns whose values are all in another table.
    pub const fn foreign_keys(self) -> &'static [ForeignKey] {
        self.0.foreign_keys
    }

    /// Returns the columns that identify a row and that rows are sorted by, most significant first.
    pub const fn sort_columns(self) -> &'static [&'static str] {
        self.0.sort_columns
    }

    /// Returns the column that a range of dates filters, if the table has one.
    pub const fn date_column(self) -> Option<&'static str> {
        self.0.date_column
    }

    /// Returns whether rows belong to customers. A table without customers has numbered sections instead, and is not
    /// split.
    pub const fn has_customers(self) -> bool {
        self.0.has_customers
    }

    /// Returns whether the company itself could have the table. Other tables hold the truth behind the observations.
    pub const fn is_observed(self) -> bool {
        self.0.is_observed
    }
}

/// Each table has one specification, at one place in memory. Tables of different models can have the same name.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Table {}

impl Hash for Table {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of columns of a table, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSet(u32);

impl ColumnSet {
    /// Returns the set of all columns of `table`.
    pub fn all(table: Table) -> Self {
        (0..table.columns().len()).collect()
    }

    /// Returns whether the set has the column with this index.
    #[inline]
    pub const fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    /// Returns the indices of the columns, in ascending order.
    pub fn indices(self) -> impl Iterator<Item = usize> {
        (0..u32::BITS as usize).filter(move |&index| self.has(index))
    }
}

impl FromIterator<usize> for ColumnSet {
    /// Collects the columns with these indices. Each index is below 32.
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        Self(indices.into_iter().fold(0, |set, index| set | 1 << index))
    }
}
