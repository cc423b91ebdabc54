/* The table of state codes: what a call gave or the log told, printed with what brought it. */
#ifndef AIOT_TABLE_H
#define AIOT_TABLE_H

#include <pthread.h>

#include "aiot_program.h"

/* Fails unless the call gives the code. */
#define PROVOKE(code, call)                                                  \
    do {                                                                     \
        EXPECT(code, call);                                                  \
        printf("-0x%04X  %s  %s\n", (unsigned)-(code), #code, #call);        \
    } while (0)

/* A code that comes by the log or a callback. */
#define SEEN(code, how)                                                      \
    do {                                                                     \
        if (!was_seen(code)) {                                               \
            fprintf(stderr, "%s was not seen\n", #code);                     \
            exit(1);                                                         \
        }                                                                    \
        printf("-0x%04X  %s  %s\n", (unsigned)-(code), #code, how);          \
    } while (0)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char seen[0x2000];

static void see(int32_t code)
{
    pthread_mutex_lock(&lock);
    if (code <= 0 && code > -(int32_t)sizeof(seen)) {
        seen[-code] = 1;
    }
    pthread_mutex_unlock(&lock);
}

static int was_seen(int32_t code)
{
    int found;
    pthread_mutex_lock(&lock);
    found = seen[-code];
    pthread_mutex_unlock(&lock);
    return found;
}

static int32_t on_log(int32_t code, char *message)
{
    (void)message;
    see(code);
    return 0;
}

#endif
