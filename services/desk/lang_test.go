package desk

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/roster"
	"heji/schema"
	"heji/services/access"
	"heji/services/lineage"
	"heji/services/store"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestCataloguesSayTheSame(t *testing.T) {
	zh, en := catalogues()[Chinese].Text, catalogues()[English].Text
	for key, text := range zh {
		other, ok := en[key]
		require.True(t, ok, "en.yaml lacks %s", key)
		a, b := placeholder.FindAllString(text, -1), placeholder.FindAllString(other, -1)
		slices.Sort(a)
		slices.Sort(b)
		require.Subset(t, a, b, key)
	}
	for key := range en {
		require.Contains(t, zh, key)
	}
}

var (
	inTemplates = regexp.MustCompile(`\.T "([a-z0-9_.]+)"`)
	inCode      = regexp.MustCompile(`\.T\("([a-z0-9_.]+)"[,)]`)
	failures    = regexp.MustCompile(`fail\(http\.[A-Za-z]+, "([a-z_]+)"|code: "([a-z_]+)"|refuse\([a-z]+, r, http\.[A-Za-z]+, "([a-z_]+)"\)`)
)

// Every key that pages and code ask for is there, and none is left over.
func TestEveryKeyIsSaid(t *testing.T) {
	used := map[string]bool{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	pages, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	for _, name := range append(files, pages...) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range slices.Concat(inTemplates.FindAllStringSubmatch(string(text), -1), inCode.FindAllStringSubmatch(string(text), -1)) {
			used[m[1]] = true
		}
		for _, m := range failures.FindAllStringSubmatch(string(text), -1) {
			code := m[1] + m[2] + m[3]
			used["error."+code+".title"], used["error."+code+".detail"] = true, true
		}
	}
	for s := range look {
		used["target."+string(s)] = true
	}
	require.Len(t, look, 9, "every state has a look")
	for _, s := range []store.TargetState{store.TargetDue, store.TargetOpen, store.TargetQueued, store.TargetDoubt, store.TargetHold,
		store.TargetRefused, store.TargetContested, store.TargetGreen, store.TargetWithdrawn} {
		require.Contains(t, look, s)
	}
	for _, p := range []string{"few", "empty", "unknown", "twice", "missing", "anchored", "follows"} {
		used["error.split_"+p+".title"], used["error.split_"+p+".detail"] = true, true
	}
	for _, s := range []string{"ok", "locked", "paused", "first_password"} {
		used["accounts.state."+s] = true
	}
	for _, s := range []store.HandoverState{store.HandoverOpen, store.HandoverAccepted, store.HandoverRefused, store.HandoverWithdrawn} {
		used["handover."+string(s)] = true
	}
	for _, w := range []store.Registered{store.RegisteredNowhere, store.RegisteredHere, store.RegisteredElsewhere} {
		used["claim."+string(w)] = true
	}
	for _, r := range access.Roles {
		used["role."+string(r)] = true
	}
	for _, left := range []lineage.Left{lineage.LeftChanged, lineage.LeftSame, lineage.LeftWaits, lineage.LeftDone, lineage.LeftGone, lineage.LeftCreated, store.LeftUnknown} {
		used["rollback.left."+string(left)] = true
	}
	for _, i := range []store.ImportState{store.ImportDraft, store.ImportRunning, store.ImportStopped, store.ImportDone, store.ImportUndone} {
		used["import.state."+string(i)] = true
	}
	for _, code := range roster.Codes {
		used["error.import_"+code+".title"], used["error.import_"+code+".detail"] = true, true
	}
	for o := range outcomeIcon {
		used["outcome."+o] = true
	}
	problems := []schema.Problem{schema.ProblemNoKey, schema.ProblemDate, schema.ProblemCheckDigit, schema.ProblemIDNumber, schema.ProblemCode,
		schema.ProblemControl, schema.ProblemTooLong, schema.ProblemColumns, schema.ProblemEncoding, schema.ProblemUnreadable, schema.ProblemPlaceholder, schema.ProblemOtherPerson}
	used["dead."+string(store.ProblemNoWrite)] = true
	for _, p := range problems {
		used["flag."+string(p)], used["dead."+string(p)] = true, true
		if p != schema.ProblemNoKey && p != schema.ProblemColumns {
			used["bad."+string(p)] = true
		}
	}
	for _, p := range []schema.Problem{problemUnknown, problemRequired, problemName, problemMarkup, problemFuture, problemBeforeBirth, problemDwelling} {
		used["bad."+string(p)] = true
	}
	text := catalogues()[Chinese].Text
	for key := range used {
		require.Contains(t, text, key)
	}
	// Keys whose last part is chosen while running.
	families := regexp.MustCompile(`^(rule|stage|platform|why|held|warning|history|decision|record|review|group|hint|address|disability|resident|action|figure|mode|start\.todo|start\.state|verdict|effect|parcels|dead|did|dwelling|brakes|proposals\.state|login\.oidc)\.`)
	for key := range text {
		require.True(t, used[key] || families.MatchString(key), "nobody says %s", key)
	}
}

func TestEveryAttributeIsInTheFormOnce(t *testing.T) {
	seen := map[schema.Attribute]int{}
	for _, g := range formGroups {
		for _, a := range g.list {
			seen[a]++
		}
	}
	for _, d := range schema.Attributes() {
		want := 1
		if d.Class == schema.ClassD {
			want = 0 // I7
		}
		require.Equal(t, want, seen[d.Name], d.Name)
	}
}

// Whatever the form shows of a value is read as the same value again.
func TestShownValuesReadBack(t *testing.T) {
	for _, address := range []schema.Address{
		{Province: "山东省", City: "济南市", County: "历下区", Street: "泉城路街道", Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: "2", Room: "1801"},
		{Community: "张家村", Road: "12号"}, {Compound: "幸福家园", Building: "3", Room: "101"},
	} {
		shown := Chinese.Value(schema.HukouAddress, address.Canonical())
		v, problem := read(mustLookup(schema.HukouAddress), shown, today())
		require.Empty(t, problem)
		require.Equal(t, address.Canonical(), v, shown)
	}
	for _, d := range visible {
		for _, l := range []Lang{Chinese, English} {
			require.NotEmpty(t, l.Attribute(d.Name))
		}
	}
	require.Equal(t, "肢体残疾2级", Chinese.Value(schema.Disability, "4-2"))
	require.Equal(t, "physical, grade 2", English.Value(schema.Disability, "4-2"))
}

func TestMask(t *testing.T) {
	for in, out := range map[string]string{"": "", "123": "123", "1234": "1234", "13800001111": "1380*******", "阿卜杜热合曼": "阿卜杜热**"} {
		require.Equal(t, out, mask(in))
	}
}

func TestReasonsOfWriteback(t *testing.T) {
	require.Equal(t, "平台上已没有这条登记", Chinese.Reason("the row is no longer at the platform"))
	require.Equal(t, "电话不对", Chinese.Reason("电话不对"), "a platform's own words stay")
	files, err := filepath.Glob(filepath.Join("..", "writeback", "*.go"))
	require.NoError(t, err)
	said := ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		said += string(text)
	}
	for begins := range catalogues()[Chinese].Reasons {
		require.True(t, strings.Contains(said, `"`+begins), "writeback no longer says %q", begins)
	}
}

// A row that waits for a time says until when; what may come back any moment does not.
func TestStatusSaysUntilWhen(t *testing.T) {
	live := store.Platform{ID: "pension", Name: "养老", Stage: schema.Live, Writable: true}
	waits := func(in time.Duration) Status {
		at := time.Now().Add(in)
		return Chinese.status(live, store.TargetView{Key: "1", State: store.TargetDue, DueAt: &at, Reason: "the platform is written to at its own hours"}, false)
	}
	at := time.Now().Add(15 * time.Hour)
	s := waits(15 * time.Hour)
	require.WithinDuration(t, at, *s.Until, time.Minute)
	require.Equal(t, "现在不在该平台的写入时段（"+s.Until.Local().Format("2006-01-02 15:04")+" 起）", s.Detail)
	require.Nil(t, waits(time.Second).Until)
	require.Equal(t, "现在不在该平台的写入时段", waits(time.Second).Detail)
	live.Agreement.Until = "2026-01-31"
	require.Equal(t, "与该平台的约定不在有效期内，先不写；现在不在该平台的写入时段", waits(time.Second).Detail)
}

func mustLookup(a schema.Attribute) schema.Definition {
	d, _ := schema.Lookup(a)
	return d
}

func today() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }

// A platform's trouble is said in the reader's language, whatever its kind.
func TestTroubles(t *testing.T) {
	for _, code := range connectors.TroubleCodes() {
		text := catalogues()[Chinese].Troubles[code]
		require.NotEmpty(t, text, "the Chinese catalogue says nothing about %s", code)
		english := connectors.NewTrouble(code)
		require.NotRegexp(t, `\p{Han}`, english.Text, "%s: the connectors' own sentence is English", code)
		for _, arg := range regexp.MustCompile(`\{\w+\}`).FindAllString(text, -1) {
			require.Contains(t, english.Text, arg, "%s: no such argument", code)
		}
	}
	expired := store.Trouble{Sentence: "pension: GET /people: expired", Code: "certificate_expired", Args: map[string]string{"where": "pension: GET /people"}}
	require.Equal(t, "pension: GET /people：平台的证书已过期，请部门更换；在此之前不读也不写", Chinese.Trouble(expired))
	require.Equal(t, expired.Sentence, English.Trouble(expired))
	require.Equal(t, "another sentence", Chinese.Trouble(store.Trouble{Sentence: "another sentence"}))
	require.Empty(t, Chinese.Trouble(store.Trouble{}))
}
