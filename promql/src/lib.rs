//! PromQL: parser, checker and columnar engine.
//!
//! ```text
//! text → syntax (tokens, tree with spans, types) → exec (operators over whole series) → value
//! ```
//!
//! The crate asks for series through [`narthex_storage::Queryable`] and knows no HTTP and no clock.

mod annotations;
mod batch;
mod budget;
mod engine;
mod exec;
mod functions;
pub mod lint;
pub mod numeric;
mod plan;
mod prepared;
pub mod syntax;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod value;

pub use budget::{MemoryPool, Progress};
pub use engine::{
    CancelToken, Engine, EngineError, EngineOptions, ExplainTime, Held, QueryOptions, QueryResult,
};
pub use exec::profile::PlanNode;
pub use narthex_storage::Matcher;
pub use plan::plan;
pub use prepared::PreparedQuery;
pub use syntax::ast::Expr;
pub use syntax::{ParseError, ParseOptions, parse_expr, parse_selector};
pub use value::{InstantSample, RangeSeries, Value};
