//! The text as the SQL parser reads it: one statement, to the end of the text.
//!
//! There is one grammar, PostgreSQL's, whatever the store: what a statement means must not hang on who reads it.

use pintle_model::likeness::meant;
use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

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
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens.clone());
    let parsed = parser.parse_statement();
    while parsed.is_ok() && parser.peek_token().token == Token::SemiColon {
        parser.next_token();
    }
    let next = parser.peek_token();
    let statement = parsed.map_err(|error| {
        let (message, place) = match error {
            ParserError::RecursionLimitExceeded => ("it is nested too deeply".to_owned(), None),
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => told(&message),
        };
        let found = tokens.iter().find(|token| Some(token.span.start) == place).unwrap_or(&next);
        misspelt(source, &tokens, found)
            .unwrap_or_else(|| Mistake::new(format!("this is no SQL: {message}")).at(source, found.span))
    })?;
    if next.token != Token::EOF {
        if let Some(mistake) = misspelt(source, &tokens, &next) {
            return Err(mistake);
        }
        return Err(Mistake::new(format!("the statement ends before `{}`", next.token))
            .label("nothing may follow the statement")
            .help("one route, and one call of db.sql, is one statement")
            .at(source, next.span));
    }
    Ok(statement)
}

/// The parser's message, and the place that it writes into it, which carets say better.
fn told(message: &str) -> (String, Option<Location>) {
    let (message, place) = message.split_once(" at Line: ").unwrap_or((message, ""));
    let place = place.split_once(", Column: ");
    let place = place.and_then(|(line, column)| Some(Location::new(line.parse().ok()?, column.parse().ok()?)));
    (message.to_owned(), place)
}

/// Words with which a part of a statement begins.
const BEGINNINGS: [&str; 24] = [
    "AND",
    "BETWEEN",
    "DELETE",
    "DISTINCT",
    "FROM",
    "GROUP",
    "HAVING",
    "INNER",
    "INSERT",
    "INTO",
    "JOIN",
    "LEFT",
    "LIMIT",
    "OFFSET",
    "ORDER",
    "RETURNING",
    "SELECT",
    "SET",
    "UNION",
    "UPDATE",
    "USING",
    "VALUES",
    "WHERE",
    "WITH",
];
/// Letters of a word that may be meant for one of those.
const LETTERS_MIN: usize = 3;

/// A word that was meant for one of SQL's: the one at which the parser gave up, or the one before, which it took for a name.
fn misspelt(source: &str, tokens: &[TokenWithSpan], found: &TokenWithSpan) -> Option<Mistake> {
    let seen = tokens.iter().take_while(|token| token.span.start <= found.span.start);
    let words: Vec<&TokenWithSpan> = seen.filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    words.iter().rev().take(2).find_map(|token| {
        let Token::Word(word) = &token.token else { return None };
        if word.keyword != Keyword::NoKeyword || word.quote_style.is_some() || word.value.len() < LETTERS_MIN {
            return None;
        }
        let meant = meant(&word.value, BEGINNINGS)?;
        let mistake = Mistake::new(format!("this is no SQL: there is no word `{}` in it", word.value));
        Some(mistake.help(format!("did you mean `{meant}`?")).at(source, token.span))
    })
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
