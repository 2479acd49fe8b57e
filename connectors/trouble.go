package connectors

import (
	"errors"
	"maps"
	"slices"
)

// Trouble is an error with a code, so that whoever shows it can say it in the
// reader's language. Its own sentence is English. Args are what the sentence
// names: a request, a status, a path of the file. Never values of people (I9).
type Trouble struct {
	Code string
	Args map[string]string
	Text string // the sentence
	Err  error  // the sentinel that it is one of
}

func (t *Trouble) Error() string { return t.Text }
func (t *Trouble) Unwrap() error { return t.Err }

// troubles are the sentences by code, with what they name in {}. The desk has
// the same codes in its catalogues.
var troubles = map[string]struct {
	text string
	is   error
}{
	"quarantined":            {"{where}: so much of it has changed at once that nothing of it was believed, and nobody was taken for gone. It waits on the page of platforms until a person releases or discards it", ErrQuarantined},
	"credentials":            {"{where}: the platform answers {status}. Check connect.auth, or connect.security for SOAP", ErrCredentials},
	"token_refused":          {"{where}: the platform gives no access token ({words}). Check connect.auth.oauth2: the client may have been closed, or its secret changed", ErrCredentials},
	"certificate_expired":    {"{where}: the platform's certificate has expired. The department must renew it; until then nothing is read and nothing is written", ErrUnreachable},
	"certificate_unknown":    {"{where}: the platform's certificate is not trusted: it was made for another address, or by an authority that this machine does not know", ErrUnreachable},
	"no_answer":              {"{where}: no answer within {after}", ErrUnreachable},
	"no_connection":          {"{where}: no connection, or it broke", ErrUnreachable},
	"truncated":              {"{where}: the answer ends in the middle. It is read again", ErrUnreachable},
	"too_long":               {"{where}: the answer is longer than {limit} MB; ask for smaller pages", ErrLayout},
	"throttled":              {"{where}: the platform answers {status}: it asks to slow down", ErrThrottled},
	"own_trouble":            {"{where}: the platform answers {status}; it is in trouble itself", ErrUnreachable},
	"status":                 {"{where}: the platform answers {status}. Check the path and parameters in the file", ErrLayout},
	"login_page":             {"{where}: the answer is a web page, or leads to one, perhaps a login page or a maintenance page. Check base_url and auth, or ask the department", ErrLayout},
	"no_format":              {"{where}: the answer is no {format}. Check connect.format and base_url, or ask the department", ErrLayout},
	"empty":                  {"{where}: the answer is empty", ErrLayout},
	"gateway":                {"{where}: the platform answers with its code {code}: {words}", ErrLayout},
	"fault":                  {"{where}: the platform answers with a fault ({code}): {words}", ErrLayout},
	"no_list":                {"{where}: the answer has no list at \"{path}\". Check connect.list.items", ErrLayout},
	"no_list_but":            {"{where}: the answer has no list at \"{path}\", but at {found}. Correct connect.list.items", ErrLayout},
	"file_none":              {"no file in the folder {folder} is called like {pattern} and whole. Put one there, or correct connect.pattern. There is: {there}", ErrLayout},
	"missing_columns":        {"{where}: the items have no {columns}. Correct the file, or ask the department what it is called now", ErrLayout},
	"other_row":              {"{where}: the platform answers with another person's row than the one asked for. It was set aside and used for nothing; ask the department", ErrOtherRow},
	"topic_gone":             {"{where} is not there any more. Nothing is lost: reading goes on by itself when it is back. Ask the department what it is called now, and correct the file", ErrLayout},
	"topic_anew":             {"the topic {topic} was made anew and is empty. Nobody is taken for deleted; reading goes on by itself when it holds something", ErrLayout},
	"kafka_login":            {"{where} does not accept the account of connect.sasl, or not with this mechanism. Ask the department whether it was changed or locked", ErrCredentials},
	"kafka_rights":           {"{where}: the account may not do this. Ask the department for the right to read the topic, to write connect.out.topic, and to commit to connect.group", ErrCredentials},
	"kafka_group":            {"{where} is used by another program. Give Heji a connect.group of its own", ErrLayout},
	"host_key_unknown":       {"the host key of the machine {address} is not known yet: {kind} {print}. Nothing was sent to it. Ask the department for the fingerprint of its server by telephone; if it is the same, write into connect.sftp: host_key: {print}", ErrCredentials},
	"host_key_changed":       {"the machine {address} shows another host key than the pinned one: {kind} {print}. Either its key was changed, or somebody stands in between. Nothing was sent to it. Ask the department by telephone; only if they read out the same fingerprint, write it into connect.sftp as host_key: {print}", ErrCredentials},
	"ssh_login":              {"the machine {address} does not accept the account {user} with {with}. Ask the department whether it was changed or locked", ErrCredentials},
	"file_columns":           {"the file {file} was refused: its header in line {line} has no column {columns}. Correct encoding, delimiter or header_row, or ask the department what the column is called now", ErrLayout},
	"file_cut":               {"the file {file} was refused: it counts {declared} rows but holds {rows}: it was cut off or is not complete yet", ErrLayout},
	"wsdl_gone":              {"{where}: there is no WSDL there any more ({words}). Ask the department for its new address, and correct connect.wsdl", ErrLayout},
	"wsdl_operation":         {"{where}: the WSDL has no operation {operation}. It has {operations}. Correct the file, or ask the department what it is called now", ErrLayout},
	"wsdl_part":              {"{where}: the message of the operation {operation} has no {part}. It has {parts}. Correct the request, or ask the department what it is called now", ErrLayout},
	"db_login":               {"{platform}: {doing}: the database refuses user or password{number}", ErrCredentials},
	"db_rights":              {"{platform}: {doing}: the database user lacks a right on the table {table}{number}", ErrCredentials},
	"db_gone":                {"{platform}: {doing}: there is no such database{number}", ErrLayout},
	"db_slow":                {"{platform}: {doing}: the database did not answer in time{number}", ErrUnreachable},
	"db_full":                {"{platform}: {doing}: the database has no free connection{number}", ErrThrottled},
	"db_undone":              {"{platform}: {doing}: the database gave another program the way and undid this{number}", ErrUnreachable},
	"db_held":                {"{platform}: {doing}: another program has held the row for too long{number}", ErrUnreachable},
	"db_read_only":           {"{platform}: {doing}: the database takes no changes here{number}", ErrReadOnly},
	"db_layout":              {"{platform}: {doing}: the table is not as the file says{number}", ErrLayout},
	"db_reports":             {"{platform}: {doing}: the database reports{number}", ErrUnreachable},
	"db_unreachable":         {"{platform}: {doing}: no connection to the database{number}", ErrUnreachable},
	"db_no_host":             {"{platform}: {doing}: no computer of the name {host} is known here{number}. Check the address, or ask for an entry in DNS", ErrUnreachable},
	"db_closed":              {"{platform}: {doing}: at {address} nothing accepts a connection{number}. Check address and port; is the database running, and does a firewall let this computer through?", ErrUnreachable},
	"db_certificate_expired": {"{platform}: {doing}: the server's certificate is valid from {from} to {until} only. The department must renew it", ErrUnreachable},
	"db_certificate_unknown": {"{platform}: {doing}: the server's certificate is signed by nobody whom this computer trusts. Ask the department for the certificate of its CA", ErrUnreachable},
	"db_certificate_name":    {"{platform}: {doing}: the server's certificate is for another name than the one in the address", ErrUnreachable},
	"db_certificate_use":     {"{platform}: {doing}: the server's certificate is not valid for this use", ErrUnreachable},
	"db_certificate_refused": {"{platform}: {doing}: the server refuses to agree on encryption", ErrUnreachable},
	"db_certificate_none":    {"{platform}: {doing}: the address asks for encryption, and the server has none", ErrUnreachable},
	"db_columns":             {"{where}: the table {table} has no column {columns}. Correct the file, or ask the department what the column is called now", ErrLayout},
	"db_table":               {"{where}: the database has no table or view {table}, or its user may not see it. Check {key}", ErrLayout},
	"db_copy":                {"{where}: the database is a read-only copy, and this platform receives changes. Give the address of the primary", ErrReadOnly},
	"db_lagging_copy":        {"{platform}: the database is a copy that may lag, and a look must see the primary", ErrReadOnly},
	"db_may_not":             {"{where}: the database user may not change the table {table}, and this platform receives changes. Grant UPDATE or set connect.read_only", ErrCredentials},
	"db_may_not_column":      {"{where}: the database user may not change {column} in {table}, and this platform receives changes. Grant UPDATE or set connect.read_only", ErrCredentials},
	"db_no_transactions":     {"{where}: the table {table} keeps no transactions (MyISAM, for example), and this platform receives changes. Nothing can be written there safely: set connect.read_only", ErrReadOnly},
	"db_view":                {"{where}: the view {table} takes no changes, and this platform receives changes. Set connect.read_only, or name the table itself", ErrReadOnly},
	"db_other_row":           {"{platform}: looking for a row: the database gives another person's row for the key that was asked for; nothing is written there. Ask the department how it compares this column", ErrLayout},
	"file_encoding":          {"the file {file} was refused: it is in {found}, but the platform's file says {declared}. Correct the encoding, or ask the department which one it is", ErrLayout},
	"file_not_text":          {"the file {file} was refused: {rows} of its {all} rows are not text in the encoding {declared}. Correct the encoding, or ask the department which one it is", ErrLayout},
	"file_header_not_text":   {"the file {file} was refused: its header is not text in the encoding {declared}. Correct the encoding, or ask the department which one it is", ErrLayout},
	"file_title":             {"the file {file}: line {line} looks like a title, and line {header} like the names of the columns. Write header_row: {header} below connect", ErrLayout},
	"remote_no_nats":         {"there is no NATS here through which the program could be asked. Write the address of one into connect.url", ErrUnreachable},
	"remote_no_hub":          {"no hub runs on {folder} whose NATS the program could connect to. Start it with heji serve --nats-listen 127.0.0.1:4222, then the program, then this command again; name another data folder with --data", ErrUnreachable},
	"remote_not_yours":       {"the file {file} cannot be read by you, and without it the program cannot be asked through the running hub. Run this command as the account that runs the hub", ErrCredentials},
	"file_formula":           {"the file {file} was refused: in line {line} the column {column} is a formula, whose result may be of yesterday or of another file. Ask for the columns to be copied and pasted as values", ErrLayout},
	"file_formulas":          {"the file {file} was refused: more than {limit} of its cells are formulas or rounded numbers. Copy them, and paste them as values and as text", ErrLayout},
	"file_bomb":              {"the file {file} was refused: a part of it unpacks to {limit} times its size: that is no table of people", ErrLayout},
	"file_huge":              {"the file {file} was refused: it unpacks to more than {limit} GiB: that is no table of people", ErrLayout},
	"file_old_xls":           {"the file {file} was refused: it is an old Excel workbook (.xls), or one that is locked with a password. Heji reads neither: open it in Excel or WPS, save it as .xlsx without a password, and put that in its place", ErrLayout},
	"file_no_book":           {"the file {file} was refused: it is no complete XLSX workbook; it was cut off, is not complete yet, or is of another format", ErrLayout},
	"file_empty_rows":        {"the file {file} was refused: it has more than {limit} empty rows. Delete the rows below the table, and save it again", ErrLayout},
	"file_merged":            {"the file {file} was refused: it has more than {limit} merged cells: that is no table of people", ErrLayout},
	"folder_unreadable":      {"the folder {folder} cannot be read: {words}", ErrUnreachable},
	"host_key_revoked":       {"the machine {address} shows a host key that connect.sftp.known_hosts calls revoked ({print}). Nothing was sent to it. Ask the department", ErrCredentials},
	"ssh_unreachable":        {"the machine {address} does not answer", ErrUnreachable},
	"ssh_silent":             {"nothing came from the machine {address} for {after}", ErrUnreachable},
	"ssh_broke":              {"the connection to the machine {address} broke", ErrUnreachable},
	"kafka_no_tls":           {"{where} does not speak TLS. Take connect.tls out, or give the port that does", ErrUnreachable},
	"kafka_answers":          {"{where} answers: {words}", ErrUnreachable},
	"kafka_silent":           {"{where} does not answer, or broke the connection off. Check connect.brokers, and whether it wants connect.tls or connect.sasl", ErrUnreachable},
	"kafka_stuck":            {"{where} gives nothing from offset {offset} on, though it says that there is more. It is asked again", ErrUnreachable},
	"kafka_unreadable":       {"of the last {rows} messages of the topic {topic} none could be read: their values are no JSON objects, or lack the key {key}", ErrLayout},
	"kafka_columns":          {"none of the last {rows} messages of the topic {topic} has {columns}. Correct the file, or ask the department what it is called now", ErrLayout},
	"kafka_lost":             {"of the topic {topic}, {rows} messages could not be read far enough to know whose they are; so nobody who is missing from it was taken for deleted", ErrLayout},
	"file_lost":              {"of the file {file}, {rows} rows could not be read far enough to know whose they are; so nobody who is missing from it was taken for deleted", ErrLayout},
	"file_move":              {"the file {file} cannot be moved to {to}: {words}. Ask for the right to rename, or write processed: stay, and files stay where they are", ErrCredentials},
	"ssh_cipher":             {"the machine {address} and Heji have no way to encrypt in common; its SSH server is too old, or has no host key of the pinned kind", ErrUnreachable},
	"ssh_odd":                {"the machine {address} does not speak SSH as expected, or broke off", ErrUnreachable},
	"ssh_no_sftp":            {"the account {user} has no SFTP on the machine {address}", ErrUnreachable},
	"not_done":               {"{where}: the platform answers {status} and promises that nothing was done", ErrUnreachable},
	"list_total":             {"{where}: the answer has no number at \"{path}\". Check connect.list.total", ErrLayout},
	"list_order":             {"{where}: the list is not in the order of {column}, so it cannot be read by time. Add the parameter that orders it, or use another paging", ErrLayout},
	"list_same":              {"{where}: the platform gives the same page again and again. Check connect.list.next and cursor_param", ErrLayout},
	"list_short":             {"{where}: more rows have the same {column} than one page holds, so some would be lost. Give page_param or a larger size", ErrLayout},
	"list_keyless":           {"{where}: {rows} items of {path} have no usable key, so nobody who is missing was taken for deleted. They are among the dead records", ErrLayout},
	"list_counts":            {"{where}: {path} says that it has {declared} rows, but {rows} different ones were read; nobody was taken for deleted. Check connect.list.total, paging and key", ErrLayout},
	"nats_unreachable":       {"NATS cannot be reached: {words}", ErrUnreachable},
	"program_version":        {"the program {program} speaks version {theirs} of the protocol, and this hub version {ours}. Update one of the two", ErrLayout},
	"program_cannot":         {"the program {program} cannot {what} (it can {can}). Take {what} out of connect.can, or update the program", ErrLayout},
	"program_handshake":      {"the program {program} says in its handshake no instance, or no time between heartbeats from 0 to 300 seconds", ErrLayout},
	"program_answer":         {"the program's answer to {op} is not what docs/remote-protocol.md says: {words}", ErrLayout},
	"program_slow":           {"the program did not answer {op} within {after}", ErrUnreachable},
	"program_dead":           {"the program gives no sign of life any more", ErrUnreachable},
	"program_missing":        {"no program is connected for this platform. Start it, or look why it stopped", ErrUnreachable},
	"program_long":           {"the program's answer to {op} is longer than {limit} MB; it must give smaller pages", ErrLayout},
	"db_counts":              {"{platform}: the table {table} was counted with {declared} rows but {rows} were read; nothing is taken for deleted", ErrLayout},
	"db_change_type":         {"{where}: the change column {column} is of the type {type}, which is neither a time nor a number", ErrLayout},
	"db_column_type":         {"{where}: the column {column} is of the type {type}, which is no text, number or time. Leave it out, or ask the department for a view", ErrLayout},
	"template_gone":          {"the template {file} is not there. Download it from the platform's import page and put it there", ErrLayout},
	"template_unreadable":    {"the template {file} cannot be read: check its rights", ErrUnreachable},
	"template_wrong":         {"the template {file}: {words}", ErrLayout},
	"plain_layout":           {"{words}", ErrLayout},
	"plain_credentials":      {"{words}", ErrCredentials},
	"plain_unreachable":      {"{words}", ErrUnreachable},
	"plain_read_only":        {"{words}", ErrReadOnly},
	"plain_throttled":        {"{words}", ErrThrottled},
	"plain_other_row":        {"{words}", ErrOtherRow},
}

// TroubleCodes lists the codes, for whoever must have words for each.
func TroubleCodes() []string { return slices.Sorted(maps.Keys(troubles)) }

// NewTrouble makes the error of a code. pairs are name, text, name, text.
func NewTrouble(code string, pairs ...string) *Trouble {
	def, ok := troubles[code]
	if !ok || len(pairs)%2 != 0 {
		panic("connectors: trouble " + code + " is not listed, or its arguments are no pairs")
	}
	t := &Trouble{Code: code, Args: map[string]string{}, Text: def.text, Err: def.is}
	for i := 0; i < len(pairs); i += 2 {
		t.Args[pairs[i]] = pairs[i+1]
	}
	t.Text = Fill(def.text, t.Args) + ": " + def.is.Error()
	return t
}

// Fill puts arguments into a sentence.
func Fill(text string, args map[string]string) string {
	out := make([]byte, 0, len(text)+40)
	for i := 0; i < len(text); i++ {
		if text[i] == '{' {
			if end := slices.Index([]byte(text[i:]), '}'); end > 0 {
				if arg, ok := args[text[i+1:i+end]]; ok {
					out = append(out, arg...)
					i += end
					continue
				}
			}
		}
		out = append(out, text[i])
	}
	return string(out)
}

// plain are the codes of errors that have none of their own: what sort of trouble
// it is can be said in any language, and the rest in the error's own words.
var plain = []struct {
	is   error
	code string
}{{ErrOtherRow, "plain_other_row"}, {ErrCredentials, "plain_credentials"}, {ErrThrottled, "plain_throttled"},
	{ErrReadOnly, "plain_read_only"}, {ErrLayout, "plain_layout"}, {ErrUnreachable, "plain_unreachable"}}

// PlainCode is the code of the sort of an error, "" where it is of none.
func PlainCode(err error) string {
	for _, p := range plain {
		if errors.Is(err, p.is) {
			return p.code
		}
	}
	return ""
}

// AsTrouble returns the Trouble in an error, nil where it has none.
func AsTrouble(err error) *Trouble {
	var t *Trouble
	if errors.As(err, &t) {
		return t
	}
	return nil
}
