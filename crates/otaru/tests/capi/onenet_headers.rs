//! The headers of `libotaru_onenet`: they compile alone, every layout and number is the vendor's, and the library exports what
//! they name. Sizes, offsets and values: onenet §7.1.

use crate::lab::{ONENET, Standard, exported};

const TM: &[&str] = &["-DCONFIG_TM"];

/// Offsets and size of `struct ota_task_info_t` in bytes, on LP64: measured by the sheet.
const TOKEN_TASK: &[(&str, usize)] = &[
    ("target", 0),
    ("md5", 32),
    ("size", 68),
    ("token", 72),
    ("ip", 104),
    ("interval", 136),
    ("retry", 140),
    ("signal", 142),
    ("power", 143),
    ("type", 144),
];
const TID_TASK: &[(&str, usize)] = &[("target", 0), ("md5", 32), ("size", 68), ("tid", 72), ("type", 76)];

const VALUES: &[(&str, i32)] = &[
    ("OTA_EVT_POST_VERSION", 0),
    ("OTA_EVT_CHECK_TASK", 1),
    ("OTA_EVT_CHECK_TOKEN", 2),
    ("OTA_EVT_DOWNLOAD_PACKAGE", 3),
    ("OTA_EVT_REPORT_STATUS", 4),
    ("SIG_METHOD_MD5", 0),
    ("SIG_METHOD_SHA1", 1),
    ("SIG_METHOD_SHA256", 2),
    ("ERR_NO_MEM", -1),
    ("ERR_INVALID_PARAM", -2),
    ("ERR_INVALID_DATA", -3),
    ("ERR_RESOURCE_BUSY", -4),
    ("ERR_UNINITIALIZED", -5),
    ("ERR_INITIALIZING", -6),
    ("ERR_REPETITIVE", -7),
    ("ERR_IO", -8),
    ("ERR_NOT_SUPPORT", -9),
    ("ERR_SYSTEM_CONTROL", -10),
    ("ERR_NETWORK", -11),
    ("ERR_CLOUD", -12),
    ("ERR_TIMEOUT", -13),
    ("ERR_REQUEST_FAILED", -14),
    ("ERR_OVERFLOW", -15),
    ("ERR_OTHERS", -16),
    ("OTA_ERR_OK", 0),
    ("OTA_CHECK_NO_DEVICE", 1),
    ("OTA_CHECK_PARAMS_ERROR", 2),
    ("OTA_CHECK_TOKEN_DISCORD", 4),
    ("OTA_CHECK_INTERNAL_ERROR", 7),
    ("OTA_CHECK_MANUL_MODEL_DISCORD", 8),
    ("OTA_CHECK_VERSION_DISCORD", 9),
    ("OTA_CHECK_NO_TASK", 11),
    ("OTA_CHECK_TOKEN_EXPIRED", 12),
    ("OTA_CHECK_INVALID_TASK_STATE", 17),
    ("OTA_CHECK_TASK_TERMINATE", 20),
    ("OTA_CHECK_INVALID_OPERATION", 21),
    ("OTA_CHECK_TASK_CANCELED", 22),
    ("OTA_CHECK_VERSION_FORMAT_ERROR", 27),
    ("OTA_DOWNLOAD_NO_SOURCE", 1),
    ("OTA_DOWNLOAD_FILE_SIZE_DISCORD", 2),
    ("OTA_DOWNLOAD_INVALID_TOKEN", 3),
    ("OTA_DOWNLOAD_SUCCESS", 101),
    ("OTA_DOWNLOAD_NO_MEMORY", 102),
    ("OTA_DOWNLOAD_OUT_OF_MEMORY", 103),
    ("OTA_DOWNLOAD_REQUEST_TIMEOUT", 104),
    ("OTA_DOWNLOAD_LOW_POWER", 105),
    ("OTA_DOWNLOAD_BAD_SIGNAL", 106),
    ("OTA_DOWNLOAD_UNKNOWN_ERROR", 107),
    ("OTA_UPGRADE_SUCCESS", 201),
    ("OTA_UPGRADE_LOW_POWER", 202),
    ("OTA_UPGRADE_OUT_OF_MEMORY", 203),
    ("OTA_UPGRADE_VERSION_DISCORD", 204),
    ("OTA_UPGRADE_MD5_ERROR", 205),
    ("OTA_UPGRADE_UNKNOWN_ERROR", 206),
    ("OTA_UPGRADE_OVER_RETRY", 207),
    ("OTA_UPGRADE_EXPIRED", 208),
];

#[test]
fn every_onenet_header_compiles_alone_in_both_generations() {
    let headers = ONENET.headers();
    assert_eq!(headers, ["dev_token.h", "ota_api.h"]);
    for header in headers {
        for standard in [Standard::C99, Standard::Cpp17] {
            for options in [&[], TM] {
                let twice = format!("#include \"{header}\"\n#include \"{header}\"\n");
                ONENET.check_with(standard, options, &twice);
            }
        }
    }
}

#[test]
fn every_onenet_size_offset_and_value_is_the_vendors() {
    for (options, offsets, size) in [(&[][..], TOKEN_TASK, 148), (TM, TID_TASK, 80)] {
        let task = "struct ota_task_info_t";
        let mut checks = vec![format!("sizeof({task}) == {size}"), "sizeof(boolean) == 1".to_owned()];
        checks.extend(offsets.iter().map(|(member, at)| format!("offsetof({task}, {member}) == {at}")));
        checks.extend(VALUES.iter().map(|(name, value)| format!("{name} == {value}")));
        for standard in [Standard::C99, Standard::Cpp17] {
            ONENET.check_facts(standard, options, &checks);
        }
    }
}

/// Its calls in the vendor's words, as a program defines a pointer to each.
#[test]
fn every_onenet_function_takes_what_the_vendors_takes() {
    let both = "int32_t (*a)(uint32_t) = ota_post_version;
        int32_t (*b)(struct ota_task_info_t *, uint32_t) = ota_check_task;
        void (*c)(void) = ota_deinit;
        int32_t (*d)(uint8_t *, enum sig_method_e, uint32_t, const uint8_t *, const uint8_t *, const uint8_t *) = dev_token_generate;";
    let token = "int32_t (*e)(ota_evt_cb, const uint8_t *, const uint8_t *, const uint8_t *, const uint8_t *, const uint8_t *, uint8_t, boolean) = ota_init;
        int32_t (*f)(uint8_t *, uint32_t) = ota_check_token;
        int32_t (*g)(uint8_t *, uint32_t, uint32_t, uint32_t) = ota_download_package;
        int32_t (*h)(uint8_t *, uint32_t, uint32_t) = ota_report_status;";
    let tid = "int32_t (*e)(ota_evt_cb, const uint8_t *, const uint8_t *, const uint8_t *, const uint8_t *, uint8_t) = ota_init;
        int32_t (*f)(uint32_t, uint32_t) = ota_check_token;
        int32_t (*g)(uint32_t, uint32_t, uint32_t, uint32_t) = ota_download_package;
        int32_t (*h)(uint32_t, uint32_t, uint32_t) = ota_report_status;";
    for standard in [Standard::C99, Standard::Cpp17] {
        for (options, own) in [(&[][..], token), (TM, tid)] {
            ONENET.check_with(standard, options, &format!("#include \"ota_api.h\"\n{both}\n{own}\n"));
        }
    }
}

#[test]
fn the_onenet_library_exports_what_its_headers_name_and_nothing_else() {
    let calls = [
        "ota_check_task",
        "ota_check_token",
        "ota_deinit",
        "ota_download_package",
        "ota_init",
        "ota_post_version",
        "ota_report_status",
    ];
    let mut named: Vec<String> = calls.iter().map(|name| format!("otaru_tm_{name}")).collect();
    named.extend(calls.map(str::to_owned));
    named.extend(["dev_token_generate", "otaru_onenet_platform"].map(str::to_owned));
    named.sort();
    assert_eq!(exported(ONENET.shared()), named);
}
