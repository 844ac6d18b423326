mod accepted;
mod grammar;
mod writes;
