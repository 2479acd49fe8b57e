package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what somebody works as.
type Role string

// The roles. The last three are the three administrators (三员分立): whoever
// is one of them is nothing else. The store refuses anything else.
const (
	Worker     Role = "worker"     // 社区工作人员
	Supervisor Role = "supervisor" // 街道主管
	Steward    Role = "steward"    // 数据管理员
	Platform   Role = "platform"   // 系统管理员
	Security   Role = "security"   // 安全管理员
	Auditor    Role = "auditor"    // 审计员
)

// Roles are all of them.
var Roles = []Role{Worker, Supervisor, Steward, Platform, Security, Auditor}

// Permission is one thing that a route asks for.
type Permission string

// The permissions. Open and Self are no role's: Open needs no login, Self any
// account.
const (
	Open     Permission = "open"
	Self     Permission = "self"
	See      Permission = "see"      // residents, what is known of them, and what waits
	Reveal   Permission = "reveal"   // numbers of a resident in full, for a reason
	Enter    Permission = "enter"    // new and changed residents
	Carry    Permission = "carry"    // parcels that people carry to platforms
	Stop     Permission = "stop"     // hold back a grave change
	Sign     Permission = "sign"     // let a grave change go: the second person
	Judge    Permission = "judge"    // pairs of whom one sees: same, not the same, later
	Review   Permission = "review"   // all pairs, also two valid ID numbers; keep, unmerge
	Watch    Permission = "watch"    // how the platforms are; no resident
	Operate  Permission = "operate"  // stages, agreements, pause, stop, read again, another model
	Staff    Permission = "staff"    // how communities stand, and who works where
	Accounts Permission = "accounts" // who may use the desk
	Audit    Permission = "audit"    // who did what
)

// Grantable are what a role or a program can be given.
var Grantable = []Permission{See, Reveal, Enter, Carry, Stop, Sign, Judge, Review, Watch, Operate, Staff, Accounts, Audit}

var granted = map[Role][]Permission{
	Worker:     {See, Reveal, Enter, Carry, Stop, Watch, Judge},
	Supervisor: {See, Reveal, Enter, Carry, Stop, Watch, Sign, Staff, Judge},
	Steward:    {See, Reveal, Enter, Carry, Stop, Watch, Judge, Review},
	Platform:   {Watch, Operate},
	Security:   {Accounts},
	Auditor:    {Watch, Audit},
}

// May reports whether one of the roles has a permission.
func May(roles []Role, p Permission) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(granted[r], p) })
}

// SeesEverybody reports whether one of the roles works for no community: what a
// steward decides is between communities. Whom anybody else sees is said for each
// account.
func SeesEverybody(roles []Role) bool { return slices.Contains(roles, Steward) }

// ParseRoles reads the names of roles and says what does not go together.
func ParseRoles(names []string) ([]Role, error) {
	var out []Role
	for _, n := range names {
		r := Role(strings.TrimSpace(n))
		if !slices.Contains(Roles, r) {
			return nil, fmt.Errorf("role %q is none of %s", n, join(Roles))
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("an account needs a role: one or more of %s", join(Roles))
	}
	for _, r := range out {
		if slices.Contains([]Role{Platform, Security, Auditor}, r) && len(out) > 1 {
			return nil, fmt.Errorf("an account that is %s can be nothing else: the administrators are three people (三员分立), and none of them works with residents", r)
		}
	}
	return out, nil
}

// ParseScopes reads what a program may do.
func ParseScopes(names []string) ([]Permission, error) {
	var out []Permission
	for _, n := range names {
		p := Permission(strings.TrimSpace(n))
		if !slices.Contains(Grantable, p) {
			return nil, fmt.Errorf("scope %q is none of %s", n, join(Grantable))
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("a token needs a scope: one or more of %s", join(Grantable))
	}
	return out, nil
}

func join[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}
