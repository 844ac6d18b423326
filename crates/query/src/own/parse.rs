//! The text as the SQL parser reads it: one statement, to the end of the text.
//!
//! There is one grammar, PostgreSQL's, whatever the store: what a statement means must not hang on who reads it.

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, Tokenizer};

use crate::policy::mistake::Mistake;

/// Bytes of one statement.
const BYTES_MAX: usize = 64 << 10;
/// Words and signs of one statement. It bounds how deep a chain of operators can be.
const TOKENS_MAX: usize = 8_000;

/// Parses one statement.
pub(super) fn parse(source: &str) -> Result<Statement, Mistake> {
    if source.len() > BYTES_MAX {
        let message = format!("a statement may have {BYTES_MAX} bytes at the most, this one has {}", source.len());
        return Err(Mistake::new(message));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, source).tokenize_with_location().map_err(|error| {
        let span = Span::new(error.location, error.location);
        Mistake::new(format!("this is no SQL: {}", error.message)).at(source, span)
    })?;
    let count = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF)).count();
    if count == 0 {
        return Err(Mistake::new("there is no statement here"));
    }
    if count > TOKENS_MAX {
        let message = format!("a statement may have {TOKENS_MAX} words and signs at the most, this one has {count}");
        return Err(Mistake::new(message).help("many values are given as one parameter, or in several statements"));
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let parsed = parser.parse_statement();
    while parsed.is_ok() && parser.peek_token().token == Token::SemiColon {
        parser.next_token();
    }
    let next = parser.peek_token();
    let statement = parsed.map_err(|error| {
        let message = match error {
            ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
            // The parser writes the place into the message; the carets say it better.
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
                message.split(" at Line:").next().unwrap_or_default().to_owned()
            }
        };
        Mistake::new(format!("this is no SQL: {message}")).at(source, next.span)
    })?;
    if next.token != Token::EOF {
        return Err(Mistake::new(format!("the statement ends before `{}`", next.token))
            .label("nothing may follow the statement")
            .help("one route, and one call of db.sql, is one statement")
            .at(source, next.span));
    }
    Ok(statement)
}
