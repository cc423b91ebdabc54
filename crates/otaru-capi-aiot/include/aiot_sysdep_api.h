/* The port file and network credentials. All sizes and layouts are those of an LP64 or ILP32 C compiler. */
#ifndef OTARU_AIOT_SYSDEP_API_H
#define OTARU_AIOT_SYSDEP_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a connection is secured. */
typedef enum {
    AIOT_SYSDEP_NETWORK_CRED_NONE,        /* not at all */
    AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA,  /* TLS; the server's certificate must lead to x509_server_cert */
    AIOT_SYSDEP_NETWORK_CRED_SVRCERT_PSK, /* TLS by a shared key: refused by otaru */
    AIOT_SYSDEP_NETWORK_CRED_MAX
} aiot_sysdep_network_cred_option_t;

/* Texts are not copied: they stay the program's until its handle is ended. */
typedef struct {
    aiot_sysdep_network_cred_option_t option;
    uint32_t max_tls_fragment;        /* bytes, above 0; otaru's TLS has its own record size */
    uint8_t sni_enabled;              /* otaru names the host whenever it is a name */
    const char *x509_server_cert;     /* PEM; empty: the roots that browsers trust */
    uint32_t x509_server_cert_len;
    const char *x509_client_cert;     /* PEM, with x509_client_privkey; NULL for none */
    uint32_t x509_client_cert_len;
    const char *x509_client_privkey;
    uint32_t x509_client_privkey_len;
    char *tls_extend_info;            /* not used */
} aiot_sysdep_network_cred_t;

typedef enum {
    CORE_SYSDEP_SOCKET_TCP_CLIENT,
    CORE_SYSDEP_SOCKET_TCP_SERVER,
    CORE_SYSDEP_SOCKET_UDP_CLIENT,
    CORE_SYSDEP_SOCKET_UDP_SERVER
} core_sysdep_socket_type_t;

typedef enum {
    CORE_SYSDEP_NETWORK_SOCKET_TYPE,        /* core_sysdep_socket_type_t * */
    CORE_SYSDEP_NETWORK_HOST,               /* char * */
    CORE_SYSDEP_NETWORK_BACKUP_IP,          /* char * */
    CORE_SYSDEP_NETWORK_PORT,               /* uint16_t * */
    CORE_SYSDEP_NETWORK_CONNECT_TIMEOUT_MS, /* uint32_t * */
    CORE_SYSDEP_NETWORK_CRED,               /* aiot_sysdep_network_cred_t * */
    CORE_SYSDEP_NETWORK_PSK,                /* core_sysdep_psk_t * */
    CORE_SYSDEP_NETWORK_MAX
} core_sysdep_network_option_t;

typedef struct {
    char *psk_id;
    char *psk;
} core_sysdep_psk_t;

typedef struct {
    char addr[16];
    uint16_t port;
} core_sysdep_addr_t;

/* What a system gives. otaru wants every member there, and brings its own memory, clock and network. */
typedef struct {
    void *(*core_sysdep_malloc)(uint32_t size, char *name);
    void (*core_sysdep_free)(void *ptr);
    uint64_t (*core_sysdep_time)(void); /* milliseconds */
    void (*core_sysdep_sleep)(uint64_t time_ms);
    void *(*core_sysdep_network_init)(void);
    int32_t (*core_sysdep_network_setopt)(void *handle, core_sysdep_network_option_t option, void *data);
    int32_t (*core_sysdep_network_establish)(void *handle);
    int32_t (*core_sysdep_network_recv)(void *handle, uint8_t *buffer, uint32_t len, uint32_t timeout_ms,
                                        core_sysdep_addr_t *addr);
    int32_t (*core_sysdep_network_send)(void *handle, uint8_t *buffer, uint32_t len, uint32_t timeout_ms,
                                        core_sysdep_addr_t *addr);
    int32_t (*core_sysdep_network_deinit)(void **handle);
    void (*core_sysdep_rand)(uint8_t *output, uint32_t output_len);
    void *(*core_sysdep_mutex_init)(void);
    void (*core_sysdep_mutex_lock)(void *mutex);
    void (*core_sysdep_mutex_unlock)(void *mutex);
    void (*core_sysdep_mutex_deinit)(void **mutex);
} aiot_sysdep_portfile_t;

/* Sets the port file. The pointer is kept, nothing is copied. */
void aiot_sysdep_set_portfile(aiot_sysdep_portfile_t *portfile);

/* The port file that was set; NULL if there is none or a member of it is missing. */
aiot_sysdep_portfile_t *aiot_sysdep_get_portfile(void);

#ifdef __cplusplus
}
#endif

#endif
