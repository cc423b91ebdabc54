/*
 * One link by hand, without a platform: URL SIZE SHA256 FIRST LAST, then a second range FIRST LAST if there is one. Prints what
 * each call gives and what the handler is told, until nothing more is to come.
 */
#include "aiot_program.h"

static void on_chunk(void *handle, const aiot_download_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    printf("chunk %u %d\n", (unsigned)packet->data.len, (int)packet->data.percent);
}

static int32_t on_log(int32_t code, char *message)
{
    (void)message;
    printf("log -0x%04X\n", (unsigned)-code);
    return 0;
}

static int32_t range(void *download, char **argv)
{
    uint32_t first = (uint32_t)atoi(argv[0]), last = (uint32_t)atoi(argv[1]);
    int32_t result;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_START, &first));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_END, &last));
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
    do {
        result = aiot_download_recv(download);
        if (result < 0) {
            printf("-0x%04X\n", (unsigned)-result);
        }
    } while (result >= 0 || result == STATE_DOWNLOAD_RENEWAL_REQUEST_SENT
             || result == STATE_PORT_NETWORK_RECV_CONNECTION_CLOSED);
    return result;
}

int main(int argc, char **argv)
{
    void *mqtt, *download;
    uint32_t patience = 100;
    char name[] = "p1";
    aiot_download_task_desc_t task;
    if (argc < 6) {
        return 2;
    }
    program_begin();
    aiot_state_set_logcb(on_log);
    mqtt = aiot_mqtt_init();
    download = aiot_download_init();
    memset(&task, 0, sizeof(task));
    task.product_key = task.device_name = task.version = name;
    task.url = argv[1];
    task.size_total = (uint32_t)atoi(argv[2]);
    task.digest_method = AIOT_OTA_DIGEST_SHA256;
    task.expect_digest = argv[3];
    task.mqtt_handle = mqtt;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, &task));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_HANDLER, (void *)on_chunk));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_TIMEOUT_MS, &patience));
    if (range(download, argv + 4) == STATE_DOWNLOAD_RANGE_FINISHED && argc > 7) {
        range(download, argv + 6);
    }
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    return 0;
}
