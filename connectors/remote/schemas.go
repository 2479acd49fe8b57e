package remote

import "embed"

// Schemas holds the messages as JSON Schemas (draft 2020-12), for whoever writes
// a program: NAME.request.json and NAME.reply.json, beat.json and cancel.json.
//
//go:embed schemas/*.json
var Schemas embed.FS
