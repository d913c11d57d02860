//! `format_query` and `parse_query`: what is asked about the text of a query.

use super::{Answer, ApiError, Handled, tree};
use crate::web::app::App;
use crate::web::params::Params;
use narthex_promql::{Expr, parse_expr, syntax::pretty};

fn query(app: &App, params: &Params) -> Result<Expr, ApiError> {
    parse_expr(params.get("query"), &app.options.parse).map_err(|e| ApiError::parameter("query", e))
}

/// `GET|POST /format_query`
///
/// # Errors
/// The query does not parse.
pub fn format(app: &App, params: &Params) -> Handled {
    let expr = query(app, params)?;
    Ok(Answer::write(|json| json.string(&pretty(&expr))))
}

/// `GET|POST /parse_query`
///
/// # Errors
/// The query does not parse.
pub fn parse(app: &App, params: &Params) -> Handled {
    let expr = query(app, params)?;
    Ok(Answer::write(|json| json.value(&tree::tree(&expr))))
}
