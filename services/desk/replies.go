package desk

import "heji/services/store"

// The answers of the API that no page shows: each has a type, so that it can be
// described.

// AttributesReply is the answer to GET /api/v1/attributes.
type AttributesReply struct {
	Attributes []AttributeInfo `json:"attributes"`
}

// AccountsReply is the answer to GET /api/v1/accounts.
type AccountsReply struct {
	Accounts []AccountReply `json:"accounts"`
}

// AccountDone is the answer to everything that is done with an account.
type AccountDone struct {
	Login string `json:"login"`
	// FirstPassword is shown this once.
	FirstPassword string `json:"first_password,omitempty"`
}

// AuditKept is for how many days rows of the audit trail are kept.
type AuditKept struct {
	Days int `json:"days"`
}

// auditHeads are heads of the audit trail that somebody noted elsewhere.
type auditHeads struct {
	Heads []string `json:"heads"`
}

// auditKeepBody is what POST /api/v1/audit/keep takes.
type auditKeepBody struct {
	Days int    `json:"days"`
	Who  string `json:"who"`
	Why  string `json:"why"`
}

// whoBody names who does something that needs no reason.
type whoBody struct {
	Who string `json:"who"`
}

// DeadReply is the answer to GET /api/v1/dead.
type DeadReply struct {
	Dead   []DeadRecord                         `json:"dead"`
	Counts map[string]map[store.DeadState]int64 `json:"counts"` // by platform
}

// DeadDone is the answer to retry and drop.
type DeadDone struct {
	ID       int64           `json:"id"`
	Platform string          `json:"platform"`
	State    store.DeadState `json:"state"`
	Whole    bool            `json:"whole"` // the platform is read whole for it
}

// ResyncReply is the answer to POST /api/v1/platforms/{id}/resync.
type ResyncReply struct {
	Platform string `json:"platform"`
	Asked    bool   `json:"asked"`
}

// Revoked is the answer to DELETE /api/v1/decisions/{id}.
type Revoked struct {
	ID        int64  `json:"id"`
	RevokedBy string `json:"revoked_by"`
}

// HandoverDone is the answer to asking for somebody, and to answering.
type HandoverDone struct {
	ID    int64               `json:"id,omitempty"` // of a new one
	State store.HandoverState `json:"state"`
}

// HandoversReply is the answer to GET /api/v1/handovers.
type HandoversReply struct {
	Handovers []HandoverReply `json:"handovers"`
}

// ImportsReply is the answer to GET /api/v1/imports.
type ImportsReply struct {
	Imports []ImportReply `json:"imports"`
}

// ErrandsReply is the answer to GET /api/v1/parcels.
type ErrandsReply struct {
	Platforms []Errand `json:"platforms"`
}

// ExportReply is the answer to POST /api/v1/parcels/{platform}/exports.
type ExportReply struct {
	Platform string `json:"platform"`
}

// ParcelDone is the answer to ticking a card, and to handing in a batch.
type ParcelDone struct {
	ID    string `json:"id"`
	Taken *bool  `json:"taken,omitempty"` // cards
}

// AgreementReply is the answer to POST /api/v1/platforms/{id}/agreement.
type AgreementReply struct {
	Platform string `json:"platform"`
	Version  int    `json:"version"`
	Due      int64  `json:"due"` // targets that it made due
}

// VerdictReply is the answer to a verdict about one field.
type VerdictReply struct {
	ID   int64 `json:"id"`   // of the decision
	Rows int   `json:"rows"` // of the platform that it was said of
}

// PausedReply is the answer to pause and resume.
type PausedReply struct {
	Platform string `json:"platform"`
	Paused   bool   `json:"paused"`
}

// WritesReply is the answer to the switch of all writes.
type WritesReply struct {
	WritesStopped bool `json:"writes_stopped"`
}

// ProposalsAnswered is the answer to POST /api/v1/platforms/{id}/proposals/file.
type ProposalsAnswered struct {
	Platform string `json:"platform"`
	Answered int    `json:"answered"`
}

// HotKeysReply is the answer to GET /api/v1/hot-keys.
type HotKeysReply struct {
	HotKeys []store.HotKey `json:"hot_keys"`
}

// OpenedReply is the answer to POST /api/v1/platforms/{id}/open.
type OpenedReply struct {
	Platform string `json:"platform"`
	Rows     int64  `json:"rows"`
	Due      int64  `json:"due"`
}

// ActionsReply lists what persons did, the latest first.
type ActionsReply struct {
	Actions []Act `json:"actions"`
}

// RisksReply is the answer to GET /api/v1/risks.
type RisksReply struct {
	Risks []WaitingChange `json:"risks"`
}
