/* What the programs for libotaru_aiot have in common: HOST PORT PRODUCT DEVICE SECRET as arguments, a session of them. */
#ifndef AIOT_PROGRAM_H
#define AIOT_PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aiot_state_api.h"
#include "aiot_sysdep_api.h"
#include "aiot_mqtt_api.h"
#include "aiot_ota_api.h"

extern aiot_sysdep_portfile_t g_aiot_sysdep_portfile;
extern const char *ali_ca_cert;

/* Ends the program with a message unless a call gave what was awaited. */
#define EXPECT(wanted, call)                                                                          \
    do {                                                                                              \
        int32_t given_ = (call);                                                                      \
        if (given_ != (wanted)) {                                                                     \
            fprintf(stderr, "%s:%d: %s gave %d (-0x%04X), awaited %d\n", __FILE__, __LINE__, #call,   \
                    (int)given_, (unsigned)-given_, (int)(wanted));                                   \
            exit(1);                                                                                  \
        }                                                                                             \
    } while (0)

static inline int32_t program_log(int32_t code, char *message)
{
    (void)code;
    fputs(message, stderr);
    return 0;
}

static inline void pause_ms(long ms)
{
    struct timespec pause;
    pause.tv_sec = ms / 1000;
    pause.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&pause, NULL);
}

/* One line at a time, at once: the test reads along. The file that PROGRAM_CA names holds the platform's root. */
static inline void program_begin(void)
{
    static char root[8192];
    const char *name = getenv("PROGRAM_CA");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (name != NULL) {
        FILE *file = fopen(name, "rb");
        root[fread(root, 1, sizeof(root) - 1, file)] = '\0';
        fclose(file);
        ali_ca_cert = root;
    }
    aiot_sysdep_set_portfile(&g_aiot_sysdep_portfile);
    aiot_state_set_logcb(program_log);
}

/* A session with the options of the command line, not connected. */
static inline void *program_session(char **argv)
{
    void *mqtt = aiot_mqtt_init();
    uint16_t port = (uint16_t)atoi(argv[2]);
    if (mqtt == NULL) {
        exit(1);
    }
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_HOST, argv[1]));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &port));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PRODUCT_KEY, argv[3]));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_DEVICE_NAME, argv[4]));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_DEVICE_SECRET, argv[5]));
    if (getenv("PROGRAM_CA") != NULL) {
        aiot_sysdep_network_cred_t cred;
        memset(&cred, 0, sizeof(cred));
        cred.option = AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA;
        cred.max_tls_fragment = 16384;
        cred.sni_enabled = 1;
        cred.x509_server_cert = ali_ca_cert;
        cred.x509_server_cert_len = (uint32_t)strlen(ali_ca_cert);
        EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    }
    return mqtt;
}

#endif
