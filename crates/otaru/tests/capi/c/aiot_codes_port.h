/* The port file's own network functions, against sockets of this program. */
#ifndef AIOT_CODES_PORT_H
#define AIOT_CODES_PORT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aiot_table.h"

/* A socket that listens, has room for one connection, and takes none by itself. */
static int listener(uint16_t *port)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT(0, bind(listening, (struct sockaddr *)&address, sizeof(address)));
    EXPECT(0, listen(listening, 0));
    EXPECT(0, getsockname(listening, (struct sockaddr *)&address, &len));
    *port = ntohs(address.sin_port);
    return listening;
}

static void *client(uint16_t port, uint32_t patience)
{
    aiot_sysdep_portfile_t *file = aiot_sysdep_get_portfile();
    void *network = file->core_sysdep_network_init();
    char host[] = "127.0.0.1";
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_HOST, host));
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_PORT, &port));
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_CONNECT_TIMEOUT_MS, &patience));
    return network;
}

/* Sends until a call fails. */
static int32_t send_on(void *network)
{
    static uint8_t bytes[65536];
    int32_t result;
    do {
        result = aiot_sysdep_get_portfile()->core_sysdep_network_send(network, bytes, sizeof(bytes), 200, NULL);
    } while (result >= 0);
    return result;
}

/* Connects one client after the other until the listener has no room. */
static int32_t connect_on(uint16_t port, void **clients, int most)
{
    int32_t result = STATE_SUCCESS;
    int at;
    for (at = 0; at < most && result == STATE_SUCCESS; at++) {
        clients[at] = client(port, 500);
        result = aiot_sysdep_get_portfile()->core_sysdep_network_establish(clients[at]);
    }
    return result;
}

static void port_file(void)
{
    aiot_sysdep_portfile_t *file = aiot_sysdep_get_portfile();
    void *network = file->core_sysdep_network_init(), *clients[8] = {NULL};
    uint16_t port;
    int listening = listener(&port), accepted, at;
    uint8_t byte;
    struct linger at_once = {1, 0};
    core_sysdep_socket_type_t kind = CORE_SYSDEP_SOCKET_TCP_SERVER;
    uint32_t none_such = 9;
    aiot_sysdep_network_cred_t cred;
    PROVOKE(STATE_PORT_INPUT_NULL_POINTER, file->core_sysdep_network_establish(NULL));
    PROVOKE(STATE_PORT_INPUT_OUT_RANGE, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_MAX, &port));
    PROVOKE(STATE_PORT_MISSING_HOST, file->core_sysdep_network_establish(network));
    memset(&cred, 0, sizeof(cred));
    cred.option = AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA;
    PROVOKE(STATE_PORT_TLS_INVALID_CRED_OPTION,
            file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_CRED, &cred));
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_SOCKET_TYPE, &kind));
    PROVOKE(STATE_PORT_TCP_SERVER_NOT_IMPLEMENT, file->core_sysdep_network_establish(network));
    kind = CORE_SYSDEP_SOCKET_UDP_CLIENT;
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_SOCKET_TYPE, &kind));
    PROVOKE(STATE_PORT_UDP_CLIENT_NOT_IMPLEMENT, file->core_sysdep_network_establish(network));
    kind = CORE_SYSDEP_SOCKET_UDP_SERVER;
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_SOCKET_TYPE, &kind));
    PROVOKE(STATE_PORT_UDP_SERVER_NOT_IMPLEMENT, file->core_sysdep_network_establish(network));
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_setopt(network, CORE_SYSDEP_NETWORK_SOCKET_TYPE, &none_such));
    PROVOKE(STATE_PORT_NETWORK_UNKNOWN_SOCKET_TYPE, file->core_sysdep_network_establish(network));
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_deinit(&network));

    network = client(port, 10000);
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_establish(network));
    accepted = accept(listening, NULL, NULL);
    PROVOKE(STATE_PORT_NETWORK_SEND_FAILED, send_on(network)); /* nobody reads */
    EXPECT(0, setsockopt(accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
    close(accepted); /* a reset */
    PROVOKE(STATE_PORT_NETWORK_RECV_FAILED, file->core_sysdep_network_recv(network, &byte, 1, 10000, NULL));
    PROVOKE(STATE_PORT_NETWORK_SEND_CONNECTION_CLOSED, send_on(network));
    EXPECT(STATE_SUCCESS, file->core_sysdep_network_deinit(&network));

    PROVOKE(STATE_PORT_NETWORK_CONNECT_TIMEOUT, connect_on(port, clients, 8));
    for (at = 0; at < 8; at++) {
        if (clients[at] != NULL) {
            EXPECT(STATE_SUCCESS, file->core_sysdep_network_deinit(&clients[at]));
        }
    }
    close(listening);
}

#endif
