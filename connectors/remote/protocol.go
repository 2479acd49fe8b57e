package remote

import (
	"encoding/json"
	"time"
)

// Version is the version of the protocol. It is part of every subject, so that
// two versions can be spoken side by side.
const Version = 1

// Prefix is how the subjects of a platform begin.
func Prefix(platform string) string { return "heji.remote.v1." + platform }

// What follows the prefix. The hub requests all but beat and cancel, which are
// published and not answered.
const (
	OpHello   = "hello"
	OpBeat    = "beat" // by the program
	OpCheck   = "check"
	OpPull    = "pull"
	OpPreview = "preview"
	OpPush    = "push"
	OpLook    = "look"
	OpCancel  = "cancel" // by the hub
)

// Asked are the subjects on which a program is asked or told something.
var Asked = []string{OpHello, OpCheck, OpPull, OpPreview, OpPush, OpLook, OpCancel}

// MoreHeader marks a part of a reply that others follow: a reply that does not
// fit one message is cut, and the texts of its messages are put together.
const MoreHeader = "Heji-More"

// Hello is the first request.
type Hello struct {
	Protocol int      `json:"protocol"`
	Platform string   `json:"platform"`
	Key      []string `json:"key"`     // columns of the row's key
	Columns  []string `json:"columns"` // that the platform's file names: all of them must be there
}

// Welcome is its reply.
type Welcome struct {
	Error    *Failure `json:"error,omitempty"`
	Protocol int      `json:"protocol"`
	Program  string   `json:"program"`  // its name and version, for people
	Instance string   `json:"instance"` // another one after each start
	Can      []string `json:"can"`      // check, pull, preview, push, look
	Beat     float64  `json:"beat"`     // seconds between two heartbeats
	Window   int      `json:"window,omitempty"`
}

// Beat says that the program is alive.
type Beat struct {
	Instance string `json:"instance"`
}

// Cancel says that nobody waits for a request any more.
type Cancel struct {
	ID string `json:"id"` // of the request, or of the read
}

// Ask is a request without more: check.
type Ask struct {
	ID string `json:"id"`
}

// Done is a reply without more.
type Done struct {
	Error *Failure `json:"error,omitempty"`
}

// Failure is an error of the program.
type Failure struct {
	// Code is unreachable, credentials, layout, read_only or throttled.
	Code string `json:"code"`
	// Text is a sentence for an IT clerk: what is wrong, where, what to do. No
	// values of people.
	Text       string  `json:"text"`
	RetryAfter float64 `json:"retry_after,omitempty"` // seconds
}

// PullRequest asks for one page of a read.
type PullRequest struct {
	ID     string          `json:"id"`
	Read   string          `json:"read"`           // the same for all pages of a read
	Cursor json.RawMessage `json:"cursor"`         // where the read begins; null: at the beginning
	Next   json.RawMessage `json:"next,omitempty"` // what the page before said; absent: the first page
	Page   int             `json:"page"`           // from 0
	Acked  int             `json:"acked"`          // so many pages of this read are published
	Rows   int             `json:"rows"`           // at most so many rows
	Bytes  int             `json:"bytes"`          // a message holds so many; longer replies are cut into parts
}

// Page is its reply.
type Page struct {
	Error *Failure `json:"error,omitempty"`
	Rows  []Row    `json:"rows"`
	// Next asks for the page after this one; absent: this was the last.
	Next json.RawMessage `json:"next,omitempty"`
	// Cursor resumes after this page; absent: this is no resume point.
	Cursor json.RawMessage `json:"cursor,omitempty"`
	AsOf   *time.Time      `json:"as_of,omitempty"` // absent: now
	// Full: this read shows everybody. Complete, on its last page: it was whole,
	// and who was not in it is gone.
	Full     bool   `json:"full,omitempty"`
	Complete bool   `json:"complete,omitempty"`
	Source   string `json:"source,omitempty"` // a file's name, for messages to people
}

// Row is one row as the platform has it.
type Row struct {
	Key       string            `json:"key"`
	Op        string            `json:"op,omitempty"` // put (default), delete, dead
	Columns   map[string]string `json:"columns,omitempty"`
	ChangedAt *time.Time        `json:"changed_at,omitempty"`
	Version   string            `json:"version,omitempty"`
	Token     string            `json:"token,omitempty"`
	Problem   string            `json:"problem,omitempty"` // dead rows: why
	Place     string            `json:"place,omitempty"`   // where: never a value
}

// PreviewRequest asks for the first rows.
type PreviewRequest struct {
	ID   string `json:"id"`
	Rows int    `json:"rows"`
}

// LookRequest asks for rows as they are now: by key, or by natural key.
type LookRequest struct {
	ID      string            `json:"id"`
	Key     string            `json:"key,omitempty"`
	Natural map[string]string `json:"natural,omitempty"` // column → text, all must be equal
}

// Rows is the reply to both.
type Rows struct {
	Error *Failure `json:"error,omitempty"`
	Rows  []Row    `json:"rows"`
}

// PushRequest asks to write.
type PushRequest struct {
	ID     string  `json:"id"`
	Batch  string  `json:"batch"`
	Writes []Write `json:"writes"`
}

// Write is what one row should come to show. The same intent is the same write:
// what was answered to it once is answered again, and nothing is written.
type Write struct {
	Intent  string            `json:"intent"`
	Key     string            `json:"key,omitempty"` // absent: a new row
	Token   string            `json:"token,omitempty"`
	Set     map[string]string `json:"set"`
	If      map[string]string `json:"if,omitempty"` // what the columns showed: else it is missed
	Version string            `json:"version,omitempty"`
	Natural map[string]string `json:"natural,omitempty"` // of a new row
}

// PushReply says what became of each write.
type PushReply struct {
	Error    *Failure  `json:"error,omitempty"` // of the whole: nothing was attempted
	Outcomes []Outcome `json:"outcomes"`
}

// Outcome is what became of one.
type Outcome struct {
	Intent string `json:"intent"`
	// Status is applied, missed, refused, gone, exists, doubt or busy.
	Status     string  `json:"status"`
	Key        string  `json:"key,omitempty"`
	Version    string  `json:"version,omitempty"`
	Reason     string  `json:"reason,omitempty"`
	Column     string  `json:"column,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty"` // seconds
}
