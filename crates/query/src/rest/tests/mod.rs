mod grammar;
mod writes;
