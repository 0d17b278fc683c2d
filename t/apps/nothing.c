/* nothing.c - a shared object that is no application: it has no symbol galley_app. */
const char nothing[] = "nothing";
