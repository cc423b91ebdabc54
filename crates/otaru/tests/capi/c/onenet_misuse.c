/* What a program must not do with libotaru_onenet, and does: every call is survived and says what was wrong. Needs no platform
 * but for the last part, where one answers whatever is asked with a task.
 *
 * usage: onenet_misuse TASK, which is the token, or the tid under CONFIG_TM. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ota_api.h"

#define TIMEOUT_MS 60000
#define EXPECT(call, wanted) expect(__LINE__, #call, call, wanted)

static int wrong;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void expect(int line, const char *call, int32_t result, int32_t wanted)
{
    if (result != wanted) {
        pthread_mutex_lock(&lock);
        printf("line %d: %s is %" PRId32 ", not %" PRId32 "\n", line, call, result, wanted);
        wrong = 1;
        pthread_mutex_unlock(&lock);
    }
}

static const uint8_t *text(const char *from)
{
    return (const uint8_t *)from;
}

static int32_t quiet(enum ota_state_t state, uint8_t *data, uint32_t data_len)
{
    (void)state, (void)data, (void)data_len;
    return -1;
}

#define KEY "dGVzdC1rZXk="

#ifdef CONFIG_TM
typedef uint32_t handle_t;
static handle_t task;
#define ANY_TASK 7

static int32_t begin(ota_evt_cb callback)
{
    return ota_init(callback, text("PrdTest001"), text("meter-01"), text(KEY), text("1.0.0"), 2);
}

static void arguments(void)
{
    const uint8_t *p = text("PrdTest001"), *d = text("meter-01"), *k = text(KEY), *v = text("1.0.0");
    EXPECT(ota_init(NULL, p, d, k, v, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, NULL, d, k, v, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, p, NULL, k, v, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, p, d, NULL, v, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, p, d, k, NULL, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, text("a/b"), d, k, v, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, p, text(""), k, v, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, p, d, text("no base64!"), v, 2), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, p, d, k, text("1 0"), 2), ERR_INVALID_PARAM);
}

static void null_tasks(void)
{
}
#else
typedef uint8_t *handle_t;
static handle_t task;
#define ANY_TASK ((uint8_t *)"ota_Zk3Qm81TtYw0aPf7LrXe")

static int32_t begin(ota_evt_cb callback)
{
    uint8_t token[OTARU_DEV_TOKEN_LEN];
    EXPECT(dev_token_generate(token, SIG_METHOD_SHA1, 2524579200u, text("PrdTest001"), NULL, text(KEY)), 0);
    return ota_init(callback, token, text("700100200"), text("1.0.0"), text("000"), text("00001"), 1, false);
}

static void arguments(void)
{
    uint8_t token[OTARU_DEV_TOKEN_LEN];
    const uint8_t *t = token, *d = text("700100200"), *v = text("1.0.0"), *m = text("000");
    EXPECT(dev_token_generate(token, SIG_METHOD_MD5, 2524579200u, text("PrdTest001"), text("meter-01"), text(KEY)), 0);
    EXPECT(ota_init(NULL, t, d, v, m, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, NULL, d, v, m, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, t, NULL, v, m, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, t, d, NULL, m, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, t, d, v, NULL, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, t, d, v, m, NULL, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, text("no token"), d, v, m, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, text("\xff\xfe"), d, v, m, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, t, text("7/8"), v, m, m, 1, true), ERR_INVALID_PARAM);
    EXPECT(ota_init(quiet, t, d, text(""), m, m, 1, true), ERR_INVALID_PARAM);
}

static void null_tasks(void)
{
    EXPECT(ota_check_token(NULL, TIMEOUT_MS), ERR_INVALID_PARAM);
    EXPECT(ota_download_package(NULL, 0, 4096, TIMEOUT_MS), ERR_INVALID_PARAM);
    EXPECT(ota_report_status(NULL, 101, TIMEOUT_MS), ERR_INVALID_PARAM);
    EXPECT(ota_check_token((uint8_t *)"ota_/../x", TIMEOUT_MS), ERR_INVALID_PARAM);
}
#endif

static void tokens(void)
{
    uint8_t token[OTARU_DEV_TOKEN_LEN];
    char device[65];
    const uint8_t *p = text("PrdTest001"), *k = text(KEY);
    EXPECT(dev_token_generate(NULL, SIG_METHOD_SHA1, 1, p, NULL, k), ERR_INVALID_PARAM);
    EXPECT(dev_token_generate(token, SIG_METHOD_SHA1, 1, NULL, NULL, k), ERR_INVALID_PARAM);
    EXPECT(dev_token_generate(token, SIG_METHOD_SHA1, 1, p, NULL, NULL), ERR_INVALID_PARAM);
    EXPECT(dev_token_generate(token, (enum sig_method_e)3, 1, p, NULL, k), ERR_INVALID_PARAM);
    EXPECT(token[0], 0);
    /* Names of every length that there is: the vendor's generator writes beyond 18 bytes of them into its stack. */
    memset(device, 'd', sizeof device);
    device[64] = '\0';
    EXPECT(dev_token_generate(token, SIG_METHOD_SHA256, 2524579200u, p, text(device), k), 0);
    EXPECT(strlen((char *)token) < sizeof token, 1);
    EXPECT(dev_token_generate(token, SIG_METHOD_SHA256, 2524579200u, text(device), text(device), k), ERR_OVERFLOW);
    EXPECT(token[0], 0);
}

static void before(void)
{
    struct ota_task_info_t info;
    ota_deinit();
    ota_deinit();
    EXPECT(ota_post_version(TIMEOUT_MS), ERR_UNINITIALIZED);
    EXPECT(ota_check_task(&info, TIMEOUT_MS), ERR_UNINITIALIZED);
    EXPECT(ota_check_token(ANY_TASK, TIMEOUT_MS), ERR_UNINITIALIZED);
    EXPECT(ota_download_package(ANY_TASK, 0, 4096, TIMEOUT_MS), ERR_UNINITIALIZED);
    EXPECT(ota_report_status(ANY_TASK, 101, TIMEOUT_MS), ERR_UNINITIALIZED);
}

static void places(void)
{
    EXPECT(otaru_onenet_platform("ota.example", NULL), ERR_INVALID_PARAM);
    EXPECT(otaru_onenet_platform("http://ota.example/path", NULL), ERR_INVALID_PARAM);
    EXPECT(otaru_onenet_platform("https://ota.example", "no certificate"), ERR_INVALID_PARAM);
    EXPECT(otaru_onenet_platform("http://192.0.2.1:9", NULL), 0);
    EXPECT(otaru_onenet_platform(NULL, NULL), 0);
}

/* Calls the library from within the library, and ends it there. */
static int32_t calls_back(enum ota_state_t state, uint8_t *data, uint32_t data_len)
{
    memset(data, 0, data_len);
    if (state == OTA_EVT_CHECK_TASK) {
        EXPECT(ota_report_status(task, 5, TIMEOUT_MS), 0);
        EXPECT(begin(quiet), ERR_REPETITIVE);
    } else if (state == OTA_EVT_CHECK_TOKEN) {
        ota_deinit();
    }
    return 0;
}

static void within_callbacks(void)
{
    struct ota_task_info_t info;
    EXPECT(begin(calls_back), 0);
    EXPECT(begin(quiet), ERR_REPETITIVE);
    EXPECT(ota_check_task(NULL, TIMEOUT_MS), ERR_INVALID_PARAM);
    EXPECT(ota_post_version(0), ERR_TIMEOUT);
    EXPECT(ota_check_task(&info, TIMEOUT_MS), 0);
    EXPECT(ota_download_package(task, 0, 0, TIMEOUT_MS), ERR_INVALID_PARAM);
    EXPECT(ota_report_status(task, 109, TIMEOUT_MS), ERR_INVALID_PARAM);
    EXPECT(ota_check_token(task, TIMEOUT_MS), 0);
    EXPECT(ota_check_token(task, TIMEOUT_MS), ERR_UNINITIALIZED);
}

static void *reports(void *unused)
{
    for (int step = 0; step < 20; step++) {
        EXPECT(ota_report_status(task, 5, TIMEOUT_MS), 0);
    }
    return unused;
}

static void from_two_threads(void)
{
    pthread_t threads[2];
    EXPECT(begin(quiet), 0);
    for (int at = 0; at < 2; at++) {
        pthread_create(&threads[at], NULL, reports, NULL);
    }
    for (int at = 0; at < 2; at++) {
        pthread_join(threads[at], NULL);
    }
    ota_deinit();
    ota_deinit();
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 9;
    }
#ifdef CONFIG_TM
    task = (uint32_t)strtoul(argv[1], NULL, 10);
#else
    task = (uint8_t *)argv[1];
#endif
    before();
    arguments();
    null_tasks();
    tokens();
    places();
    within_callbacks();
    from_two_threads();
    return wrong;
}
