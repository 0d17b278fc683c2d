/* banned.h - libc calls that are not used here, because a better one exists; scripts/lint refuses them.
 * strcpy strcat sprintf vsprintf (snprintf, buf_printf) - strtok (memchr) - gmtime localtime ctime asctime (the _r forms)
 * - atoi atol atoll atof (strtol and its kind, with their checks) - gets - signal (sigaction) - system popen. */
#ifndef GALLEY_COMMON_BANNED_H
#define GALLEY_COMMON_BANNED_H
#endif
