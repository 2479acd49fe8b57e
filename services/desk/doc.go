// Package desk is where staff work: they enter a resident once, change one,
// look at where each value comes from, and watch the platforms turn green.
//
// In: requests of staff and of programs, HTML first (every page works without
// scripts) and as JSON under /api/v1. Out: desk entries, decisions and steps on
// the ladder, all through package store. An entry is a record of the platform
// "desk" like any other platform's; pull takes it from there, merge and
// writeback do the rest. The desk never writes a master record itself and calls
// no platform.
//
// One idea per file: guard.go, session.go, permissions.go, login_pages.go and oidc.go (who may ask at all, and for what), lang.go and words.go (two
// languages, from data), input.go (what may be entered), version.go (which state was seen), retry.go, outlook.go (who will
// receive what), preview.go (of an entry) and effect.go (of a decision),
// entries.go, residents.go, platforms.go, reviews.go and review_compare.go (the
// queue, and two residents beside each other), decisions.go and unmerge.go (what
// people decide, and undoing it), imports.go (lists that staff bring), forms.go, drafts.go (what was begun), pages.go and *_pages.go (HTML).
//
// Invariants kept here: I4 (an edit is evidence; "keep this value" is a separate
// decision, and what an authority will dispute is said before saving), I7
// (sealed attributes and platforms are answered exactly as if they did not
// exist), I8 (each value is shown with source, time and rule), I9 (no personal
// data in logs). Sending an entry twice makes one (idempotency key).
//
// While there is no account the desk has one user, whoever sits at this machine,
// and answers on loopback names only. From the first account on everybody logs in.
package desk
