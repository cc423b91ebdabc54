/* One update of a OneNET device, in the order of the vendor's example (onenet, section 8), by either generation.
 *
 * usage: onenet_update PRODUCT DEVICE ACCESS_KEY VERSION FILE PIECE
 * Prints what each call returns. Goes on behind what FILE has already. Ends with 0 when the package is in FILE and success is
 * told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ota_api.h"

#ifndef TIMEOUT_MS
#define TIMEOUT_MS 60000
#endif

static FILE *image;

static int32_t on_event(enum ota_state_t state, uint8_t *data, uint32_t data_len)
{
    if (state == OTA_EVT_DOWNLOAD_PACKAGE) {
        fwrite(data, 1, data_len, image);
        fflush(image);
    } else {
        printf("answer %d: %.*s\n", (int)state, (int)data_len, (const char *)data);
    }
    return 0;
}

static int32_t told(const char *what, int32_t result)
{
    printf("%s: %" PRId32 "\n", what, result);
    return result;
}

static const uint8_t *text(const char *argument)
{
    return (const uint8_t *)argument;
}

#ifdef CONFIG_TM
typedef uint32_t handle_t;
#define HANDLE(info) ((info)->tid)

static int32_t begin(char **argv)
{
    return ota_init(on_event, text(argv[1]), text(argv[2]), text(argv[3]), text(argv[4]), 2);
}

static int next_try(struct ota_task_info_t *info)
{
    (void)info;
    return 0;
}
#else
typedef uint8_t *handle_t;
#define HANDLE(info) ((info)->token)

static int32_t begin(char **argv)
{
    uint8_t dev_token[OTARU_DEV_TOKEN_LEN];
    memset(dev_token, 0, sizeof dev_token);
    if (dev_token_generate(dev_token, SIG_METHOD_SHA1, 2524579200u, text(argv[1]), NULL, text(argv[3])) != 0) {
        return -1;
    }
    return ota_init(on_event, dev_token, text(argv[2]), text(argv[4]), text("000"), text("00001"), 2, true);
}

static int next_try(struct ota_task_info_t *info)
{
    if (--info->retry <= 0) {
        return 0;
    }
    sleep(info->interval);
    return 1;
}
#endif

static int download(handle_t task, struct ota_task_info_t *info, uint32_t piece)
{
    uint32_t start = (uint32_t)ftell(image);
    while (start < info->size) {
        if (told("token", ota_check_token(task, TIMEOUT_MS)) != 0) {
            return -1;
        }
        if (told("piece", ota_download_package(task, start, piece, TIMEOUT_MS)) == 0) {
            start += piece;
        } else if (!next_try(info)) {
            return -1;
        }
    }
    return 0;
}

static int update(uint32_t piece)
{
    struct ota_task_info_t info;
    if (told("version", ota_post_version(TIMEOUT_MS)) != 0 || told("task", ota_check_task(&info, TIMEOUT_MS)) != 0) {
        return 1;
    }
    printf("target %s, size %" PRIu32 ", md5 %s, type %d\n", (char *)info.target, info.size, (char *)info.md5, info.type);
    if (download(HANDLE(&info), &info, piece) != 0) {
        return 2;
    }
    if (told("downloaded", ota_report_status(HANDLE(&info), OTA_DOWNLOAD_SUCCESS, TIMEOUT_MS)) != 0) {
        return 3;
    }
    return told("upgraded", ota_report_status(HANDLE(&info), OTA_UPGRADE_SUCCESS, TIMEOUT_MS)) == 0 ? 0 : 4;
}

int main(int argc, char **argv)
{
    int result = 9;
    if (argc != 7 || (image = fopen(argv[5], "ab")) == NULL) {
        return 9;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    fseek(image, 0, SEEK_END);
    if (told("init", begin(argv)) == 0) {
        result = update((uint32_t)strtoul(argv[6], NULL, 10));
        ota_deinit();
    }
    return fclose(image) == 0 ? result : 9;
}
