/* bad_no_symbol.c - for the tests: a shared object that declares no application. */
int not_an_app(void);
int not_an_app(void)
{
    return 0;
}
