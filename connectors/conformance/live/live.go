package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"heji/connectors"
	"heji/connectors/mapping"
	"heji/connectors/spec"
)

// Text is a sentence in both languages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

func say(zh, en string, args ...any) Text {
	if len(args) == 0 {
		return Text{zh, en}
	}
	return Text{fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)}
}

// Subject is one platform as it is.
type Subject struct {
	Name        string           // of its file, in errors
	File        []byte           // its YAML
	Environment spec.Environment // what ${NAME} becomes
	Dir         string           // a folder for the connector's own files; not the running hub's

	// NATS is where programs of kind remote are asked; nil: only where the file
	// says so.
	NATS func() (*nats.Conn, error)

	Sealed bool // a platform of class D, which only a satellite reads

	Write bool   // allow the checks that write
	Key   string // the row that they write back as it stands
	// Probe: the row is one for trials. It is given other values, and gets back
	// what it showed.
	Probe bool
	// AnyRow: a simulator's; whichever row suits may be written.
	AnyRow bool
}

// Outcome of one check.
type Outcome string

// Outcomes. Left means that the check does not apply to this platform, or that
// nobody allowed it; its note says which.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	Left   Outcome = "left"
)

// Result is what one check found.
type Result struct {
	Name    string        `json:"name"`
	What    Text          `json:"what"`
	Outcome Outcome       `json:"outcome"`
	Note    Text          `json:"note"`
	Took    time.Duration `json:"took_ns"`
}

// Report is what all checks found about one platform.
type Report struct {
	Platform   string    `json:"platform"`
	Title      string    `json:"title"`
	Department string    `json:"department"`
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
	Rows       int       `json:"rows"` // that a whole read showed
	Dead       int       `json:"dead"` // rows that could not be used
	Written    int       `json:"written"`
	Results    []Result  `json:"results"`
}

// Count returns how many checks ended in o.
func (r Report) Count(o Outcome) int {
	n := 0
	for _, x := range r.Results {
		if x.Outcome == o {
			n++
		}
	}
	return n
}

// OK reports whether nothing failed and something was found out.
func (r Report) OK() bool { return r.Count(Failed) == 0 && r.Count(Passed) > 0 }

// Check is one thing that every platform must keep.
type Check struct {
	Name   string
	What   Text
	Writes bool
	run    func(context.Context, *session) (Text, error)
}

// left ends a check that does not apply.
type left struct{ why Text }

func (l left) Error() string { return l.why.En }

func leave(zh, en string, args ...any) error { return left{say(zh, en, args...)} }

// wrong ends a check that failed, with a sentence of ours in both languages.
type wrong struct{ what Text }

func (w wrong) Error() string { return w.what.En }

func fail(zh, en string, args ...any) error { return wrong{say(zh, en, args...)} }

// Checks are all checks in their order. Later ones use what earlier ones read.
func Checks() []Check {
	return []Check{
		{"Mapping", say("字段映射正确，凡回写字段均可双向转换", "The mapping is right, and what is written back can be reversed"), false, mappingIsRight},
		{"Reached", say("能连上平台，账号有效，所需列都在", "The platform is reached, the credentials hold, the columns are there"), false, reached},
		{"Settings", say("配置写错会被发现，并说明文件、行和原因", "Wrong settings are found, with file, line and reason"), false, wrongSettings},
		{"WholeRead", say("能完整读取，每行都有行号和时间", "Everything can be read, each row with its key and time"), false, wholeRead},
		{"TwoReadsAgree", say("两次读取结果一致", "Two reads agree"), false, twoReads},
		{"Resume", say("从任一断点续读都不丢失记录", "Reading goes on from any resume point without losing a row"), false, resume},
		{"Values", say("抽样值可读；回写字段读出后能原样写回", "Sampled values are understood, and those written back come out as they went in"), false, values},
		{"Look", say("可按行号查询单行，结果与整读一致；查无此行时如实返回", "A single row can be asked for and agrees with the whole read; a row that is not there is not there"), false, look},
		{"Stop", say("可随时中断，中断后立即返回", "A read can be stopped at any time and ends at once"), false, stop},
		{"Write", say("把一行按现值写回，平台确认，显示不变", "A row is written back as it stands; the platform confirms it and shows the same"), true, writeAsItStands},
		{"Repeat", say("同一次写入重复提交，结果不变", "The same write handed over twice changes nothing more"), true, repeated},
		{"Condition", say("现值不符时拒绝写入", "A write whose condition does not hold is not made"), true, conditionMisses},
		{"Refused", say("平台写不下的值会被退回，并说明原因，原值不变", "A value that the platform cannot hold is refused with a reason, and the row stays"), true, refused},
		{"Rendition", say("写入另一个值，平台显示该值或其惯用写法；随后恢复原值", "Another value is shown as written or in the platform's own form; then the row gets its own back"), true, rendition},
		{"Rate", say("不超过约定的写入速率", "The agreed rate of writes is kept"), true, rateKept},
		{"Quota", say("逐人查询的平台：不超过每日次数", "A platform that is asked person by person: the day's questions are kept"), false, quota},
		{"Secrets", say("任何提示中都不出现口令和密钥", "No secret appears in any message"), false, secrets},
		{"Quiet", say("结束后不留后台任务", "Nothing goes on in the background afterwards"), false, quiet},
	}
}

// checkTime is the longest time of one check.
const checkTime = 30 * time.Minute

// Run runs every check and calls report, if there is one, after each.
func Run(ctx context.Context, s Subject, report func(Result)) Report {
	x := &session{Subject: s, before: goleak.IgnoreCurrent()}
	defer x.closeAll() //nolint:errcheck // the last check has looked at it
	out := Report{At: time.Now()}
	for _, c := range Checks() {
		began := time.Now()
		r := Result{Name: c.Name, What: c.What}
		r.Note, r.Outcome = x.try(ctx, c)
		r.Took = time.Since(began)
		out.Results = append(out.Results, r)
		if report != nil {
			report(r)
		}
	}
	if p := x.spec; p != nil {
		out.Platform, out.Title, out.Department, out.Kind = p.ID, p.Name, p.Department, p.Kind
	}
	if x.whole != nil {
		out.Rows, out.Dead = len(x.whole.rows), x.whole.dead
	}
	out.Written = x.written
	return out
}

// session is one run of the checks.
type session struct {
	Subject
	spec    *spec.Platform
	mapped  *mapping.Map
	opened  []connectors.Connector
	whole   *reading // the first whole read; nil: there was none
	said    []string // every message that the checks saw
	before  goleak.Option
	written int
}

// try runs one check. What a person reads of an error has no secret in it; the
// check Secrets says where one would have been.
func (x *session) try(ctx context.Context, c Check) (Text, Outcome) {
	if ctx.Err() != nil {
		return say("已中止", "stopped"), Left
	}
	if c.Writes && !x.Write {
		return say("未允许写入（--write --key 行号）", "writing was not allowed (--write --key ROW)"), Left
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	note, err := c.run(ctx, x)
	if err == nil {
		return note, Passed
	}
	x.heard(err)
	var l left
	if errors.As(err, &l) {
		return l.why, Left
	}
	var w wrong
	if errors.As(err, &w) {
		return w.what, Failed
	}
	en, zh := connectors.Reason(err.Error()), connectors.Reason(spec.Chinese(err))
	if x.spec != nil {
		en, zh = x.spec.Redact(en), x.spec.Redact(zh)
	}
	if zh == "" {
		zh = en
	}
	return Text{zh, en}, Failed
}

// heard keeps a message for the check Secrets.
func (x *session) heard(err error) {
	if err != nil {
		x.said = append(x.said, err.Error())
	}
}

// parse reads the platform's file, or another text in its place.
func (x *session) parse(file []byte) (*spec.Platform, error) {
	return x.parseWith(file, x.Environment)
}

func (x *session) parseWith(file []byte, env spec.Environment) (*spec.Platform, error) {
	parse := spec.Parse
	if x.Sealed {
		parse = spec.ParseSealed
	}
	p, err := parse(x.Name, file, env)
	x.heard(err)
	return p, err
}

// surroundings are what a connector may use here.
func (x *session) surroundings() connectors.Environment {
	return connectors.Environment{Dir: x.Dir, Attended: true, NATS: x.NATS}
}

// open makes a fresh connector, as after a restart.
func (x *session) open(ctx context.Context) (connectors.Connector, error) {
	if x.spec == nil {
		return nil, leave("配置文件有误，无法继续", "the file is wrong, so there is nothing to go on with")
	}
	c, err := connectors.Open(ctx, x.spec, x.surroundings())
	x.heard(err)
	if err == nil {
		x.opened = append(x.opened, c)
	}
	return c, err
}

func (x *session) closeAll() error {
	var errs []error
	for _, c := range x.opened {
		errs = append(errs, c.Close())
	}
	x.opened = nil
	return errors.Join(errs...)
}
