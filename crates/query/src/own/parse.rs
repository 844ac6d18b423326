//! The text as the SQL parser reads it: one statement, to the end of the text.
//!
//! There is one grammar, PostgreSQL's, whatever the store: what a statement means must not hang on who reads it.

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, Tokenizer};

use crate::policy::mistake::Mistake;

/// Bytes of one statement.
const BYTES_MAX: usize = 64 << 10;
/// Words of SQL's own and signs of one statement: each can make its tree deeper by one, and what walks the tree recurses.
/// Names, literals, commas and parentheses do not count, so that there is room for many values.
const WORDS_MAX: usize = 600;

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
    if tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_) | Token::EOF)) {
        return Err(Mistake::new("there is no statement here"));
    }
    let words = tokens.iter().filter(|token| deepens(&token.token)).count();
    if words > WORDS_MAX {
        let message = format!("a statement may have {WORDS_MAX} operators and words of SQL, this one has {words}");
        return Err(Mistake::new(message).help("write it in several statements, or give many values as one parameter"));
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

fn deepens(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword != Keyword::NoKeyword && word.quote_style.is_none(),
        Token::Whitespace(_)
        | Token::EOF
        | Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::Period
        | Token::Colon
        | Token::Number(..)
        | Token::SingleQuotedString(_) => false,
        _ => true,
    }
}
