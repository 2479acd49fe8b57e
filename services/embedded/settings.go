package embedded

import (
	"fmt"
	"sort"
	"strings"
)

// serverSettings are written anew at each start, so that they belong to the
// program and not to the folder's history.
func serverSettings(o Options, socket string) map[string]string {
	buffers := sharedBuffers()
	s := map[string]string{
		// Reached through one socket in a closed folder, never over a network.
		"listen_addresses":        "",
		"unix_socket_directories": socket,
		"unix_socket_permissions": "0700",
		"port":                    "5432",
		"max_connections":         "60",
		"password_encryption":     "scram-sha-256",

		// A district's hub shares its machine with other work.
		"shared_buffers":                  fmt.Sprintf("%dMB", buffers),
		"effective_cache_size":            fmt.Sprintf("%dMB", 4*buffers),
		"work_mem":                        "16MB",
		"maintenance_work_mem":            "128MB",
		"max_parallel_workers_per_gather": "0",
		// Merge locks many rows by id and a few by name; 64 a connection is little.
		"max_locks_per_transaction": "256",

		// I1: what was committed is on the disk.
		"synchronous_commit": "on",
		"fsync":              "on",
		"full_page_writes":   "on",
		// replica rather than minimal: it costs next to nothing for our writes and
		// lets pg_basebackup copy a running hub.
		"wal_level":       "replica",
		"max_wal_senders": "3",
		// Each checkpoint has every page written whole once more: while registers are
		// read for the first time, that is most of the WAL.
		"max_wal_size":                 "4GB",
		"min_wal_size":                 "128MB",
		"checkpoint_timeout":           "15min",
		"checkpoint_completion_target": "0.9",

		// Short set-based statements: compiling them costs more than running them.
		"jit":              "off",
		"random_page_cost": "1.1",

		// Queues of due and unresolved rows churn; clean them often.
		"autovacuum":                      "on",
		"autovacuum_naptime":              "15s",
		"autovacuum_vacuum_scale_factor":  "0.05",
		"autovacuum_analyze_scale_factor": "0.2", // a growing table keeps its shape
		"autovacuum_vacuum_cost_limit":    "2000",

		"timezone":                            "UTC",
		"log_timezone":                        "UTC",
		"datestyle":                           "ISO, YMD",
		"lc_messages":                         "C",
		"idle_in_transaction_session_timeout": "10min",

		// I9: level "log" keeps the server's own affairs and leaves out errors of
		// statements, whose texts quote values; terse leaves out DETAIL, which
		// quotes rows; no statement and no parameter is ever written.
		"logging_collector":                 "on",
		"log_directory":                     "log",
		"log_filename":                      "postgresql-%a.log",
		"log_rotation_age":                  "1d",
		"log_rotation_size":                 "0",
		"log_truncate_on_rotation":          "on",
		"log_file_mode":                     "0600",
		"log_line_prefix":                   "%m [%p] ",
		"log_min_messages":                  "log",
		"log_min_error_statement":           "panic",
		"log_error_verbosity":               "terse",
		"log_statement":                     "none",
		"log_min_duration_statement":        "-1",
		"log_parameter_max_length":          "0",
		"log_parameter_max_length_on_error": "0",
		"log_connections":                   "off",
		"log_disconnections":                "off",
		"log_lock_waits":                    "off",
		"log_temp_files":                    "-1",
		"log_autovacuum_min_duration":       "-1",
	}
	if o.Throwaway {
		for k, v := range map[string]string{
			"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
			"shared_buffers": "64MB", "wal_level": "minimal", "max_wal_senders": "0",
		} {
			s[k] = v
		}
	}
	for k, v := range o.PostgresSettings {
		s[k] = v
	}
	return s
}

// settingsFile renders settings in postgresql.conf's form.
func settingsFile(settings map[string]string) string {
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("# Written by heji at each start; changes here are lost.\n")
	for _, name := range names {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return b.String()
}

// accessRules: whoever reaches the socket in its closed folder is the hub
// itself and needs no password; every other role (a demo platform's) does.
const accessRules = `# Written by heji at each start; changes here are lost.
local all ` + superuser + ` trust
local replication ` + superuser + ` trust
local all all scram-sha-256
`
