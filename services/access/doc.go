// Package access says who somebody is and what they may do: roles and their
// permissions, how passwords are kept and checked, the secrets of sessions and of
// programs, and the actor that a request's context carries.
//
// In: what was typed, what is stored. Out: yes or no. It has no store and no
// pages: package store keeps accounts, package desk asks at the door.
//
// One idea per file: roles.go, actor.go, password.go, secret.go, totp.go.
package access
