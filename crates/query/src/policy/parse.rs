//! A policy's text as the SQL parser reads it: one expression, to the end of the text.

use sqlparser::ast::Expr;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, Tokenizer};

use super::mistake::Mistake;

/// Bytes of one policy. It bounds how deep a chain of operators can be.
const BYTES_MAX: usize = 8 << 10;

/// Parses one expression.
pub(super) fn parse(source: &str) -> Result<Expr, Mistake> {
    if source.len() > BYTES_MAX {
        return Err(Mistake::new(format!(
            "a policy may have {BYTES_MAX} bytes at the most, this one has {}",
            source.len()
        )));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, source).tokenize_with_location().map_err(|error| {
        let span = Span::new(error.location, error.location);
        Mistake::new(format!("this is no SQL expression: {}", error.message)).at(source, span)
    })?;
    if tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_) | Token::EOF)) {
        return Err(Mistake::new("this policy is empty").help("`true` lets everyone, `false` no one"));
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr();
    let next = parser.peek_token();
    let expr = parsed.map_err(|error| {
        let message = match error {
            ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
            // The parser writes the place into the message; the carets say it better.
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
                message.split(" at Line:").next().unwrap_or_default().to_owned()
            }
        };
        Mistake::new(format!("this is no SQL expression: {message}")).at(source, next.span)
    })?;
    // The parser stops where the expression ends: what follows would be left out without a word.
    if next.token != Token::EOF {
        return Err(Mistake::new(format!("the policy ends before `{}`", next.token))
            .label("nothing may follow the expression")
            .help("a policy is one boolean expression; join conditions with `and` or `or`")
            .at(source, next.span));
    }
    Ok(expr)
}
