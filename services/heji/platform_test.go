package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/kit"
	"heji/schema"
	"heji/schema/idnum"
	"heji/services/embedded/pgtest"
	"heji/services/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// platform runs heji platform with these arguments.
func platform(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var c struct {
		Platform platformCommand `cmd:""`
	}
	var out strings.Builder
	p, con := &c.Platform, console{stdout: &out, stderr: &out}
	for _, x := range []*console{&p.New.console, &p.Schema.console, &p.Discover.console, &p.Check.console, &p.Preview.console, &p.Verify.console,
		&p.List.console, &p.Pause.console, &p.Resume.console, &p.Resync.console, &p.Dead.List.console, &p.Dead.Retry.console, &p.Dead.Drop.console,
		&p.Quarantine.console, &p.Brake.console, &p.Open.console} {
		*x = con
	}
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("the command line ends the program") }), kong.Vars{"kinds": ""})
	require.NoError(t, err)
	k, err := parser.Parse(append([]string{"platform"}, args...))
	if err != nil {
		return "", err
	}
	k.BindTo(t.Context(), (*context.Context)(nil))
	err = k.Run()
	return out.String(), err
}

// extract is a department's file of n invented people.
func extract(t *testing.T, n int, more ...string) string {
	t.Helper()
	lines := []string{"编号,姓名,SFZH,性别,出生日期,民族,联系电话,家庭住址,更新时间"}
	for i := range n {
		birth := fmt.Sprintf("%04d-%02d-%02d", 1940+i, 1+i%12, 1+i%28)
		id, err := idnum.Make("290101", birth, 10+i)
		require.NoError(t, err)
		lines = append(lines, fmt.Sprintf("%d,%s,%s,%s,%s,%s,139%08d,幸福路%d号和平小区%d幢%d室,2026-03-%02d 10:00:00", 5000+i,
			[]string{"张伟", "王芳", "李秀英", "欧阳沐辰"}[i%4], id, []string{"女", "男"}[i%2], strings.ReplaceAll(birth, "-", "/"), []string{"汉族", "回族"}[i%2], 7919*(i+1), i+1, i+1, i+101, 1+i%28))
	}
	return strings.Join(append(lines, more...), "\n") + "\n"
}

// An IT clerk connects a folder of files from nothing, with the commands alone.
func TestFromNothingToAVerifiedPlatform(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	in := "--platforms=" + dir
	require.NoError(t, os.WriteFile(filepath.Join(data, "clinic_20260331.csv"), []byte(extract(t, 30)), 0o600))
	_, err := platform(t, "check", "clinic", in)
	require.ErrorContains(t, err, "heji platform new", "what is missing is said, with the way to it")

	_, err = platform(t, "new", "--kind=files", "clinic", in)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, kit.SchemaFile))
	_, err = platform(t, "new", "--kind=files", "clinic", in)
	require.ErrorContains(t, err, "is there already")

	_, err = platform(t, "discover", "clinic", in)
	require.ErrorContains(t, err, "Write CLINIC_DIR=… into the file .env")
	env := filepath.Join(dir, ".env")
	require.NoError(t, os.WriteFile(env, []byte("# folder\nexport CLINIC_DIR=\""+data+"\"\n"), 0o644))
	_, err = platform(t, "discover", "clinic", in)
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(env, 0o600))

	text := read(t, filepath.Join(dir, "clinic.yaml"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "clinic.yaml"), []byte(strings.Replace(text, "clinic_{date}", "zs_{date}", 1)), 0o600))
	_, err = platform(t, "discover", "clinic", in)
	require.ErrorContains(t, err, "There is: clinic_20260331.csv")
	require.Contains(t, inChinese(err), "那里有：clinic_20260331.csv")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "clinic.yaml"), []byte(text), 0o600))

	// A newer list has a title above the names of its columns, as offices write them.
	titled := filepath.Join(data, "clinic_20260401.csv")
	require.NoError(t, os.WriteFile(titled, []byte("社区诊所花名册,,,,,,,,\n\n"+extract(t, 30)), 0o600))
	_, err = platform(t, "discover", "clinic", in)
	require.ErrorContains(t, err, "line 1 looks like a title, and line 2 like the names of the columns. Write header_row: 2 below connect")
	require.Contains(t, inChinese(err), "第 1 行像是标题")
	require.NoFileExists(t, filepath.Join(dir, "clinic.yaml.proposed"))
	require.NoError(t, os.Remove(titled))

	out, err := platform(t, "discover", "clinic", in)
	require.NoError(t, err)
	require.Contains(t, out, "id_number 证件号码")
	require.NotContains(t, out, "王芳")
	proposed := filepath.Join(dir, "clinic.yaml.proposed")
	require.FileExists(t, proposed)
	require.NoError(t, os.Rename(proposed, filepath.Join(dir, "clinic.yaml")))

	out, err = platform(t, "check", "clinic", in)
	require.NoError(t, err, out)
	out, err = platform(t, "preview", "clinic", "-n", "3", in)
	require.NoError(t, err)
	require.Contains(t, out, "王*")
	require.NotContains(t, out, "王芳")
	out, err = platform(t, "preview", "clinic", "--unmasked", in)
	require.NoError(t, err)
	require.Contains(t, out, "王芳")

	report := filepath.Join(t.TempDir(), "report")
	for _, ext := range []string{".md", ".html", ".json"} {
		out, err = platform(t, "verify", "--all", "--report", report+ext, in)
		require.NoError(t, err, out)
		require.NotContains(t, read(t, report+ext), "王芳")
	}
	require.Contains(t, read(t, report+".md"), "平台接入验证报告")
	var reports []struct{ Rows int }
	require.NoError(t, json.Unmarshal([]byte(read(t, report+".json")), &reports))
	require.Equal(t, 30, reports[0].Rows)
	require.FileExists(t, filepath.Join(data, "clinic_20260331.csv"), "nothing was moved")

	out, err = platform(t, "list", in, "--listen=127.0.0.1:1", "--data="+filepath.Join(dir, "none"))
	require.NoError(t, err)
	require.Contains(t, out, "new")
}

func TestCheckSaysWhatIsNotCovered(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	in := "--platforms=" + dir
	t.Setenv("CLINIC_DIR", data)
	require.NoError(t, os.WriteFile(filepath.Join(data, "clinic_20260331.csv"), []byte(extract(t, 8, "6001,张伟,,男,1990/13/01,天族,,,", "6001,王芳,,女,1990/03/01,汉族,,,")), 0o600))
	_, err := platform(t, "new", "--kind=files", "clinic", in)
	require.NoError(t, err)
	_, err = platform(t, "discover", "clinic", in, "--out", filepath.Join(dir, "clinic.yaml"))
	require.NoError(t, err)
	out, err := platform(t, "check", "clinic", in)
	require.ErrorContains(t, err, "findings: 2")
	require.Contains(t, out, `"天族"×1`)
	require.Contains(t, out, "fields.ethnicity.map")
	require.Contains(t, out, "1 行的行号重复")
	require.Contains(t, out, "日期不存在")

	file := filepath.Join(dir, "clinic.yaml")
	text := strings.Replace(read(t, file), "name: {column", "phone_owner: {column: 家庭住址}\n  name: {colum", 1)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, err = platform(t, "check", "clinic", in)
	require.Error(t, err)
	require.Contains(t, out, `Did you mean "column"?`)
	require.Contains(t, out, `您是否想写 "column"？`)
}

// What is wrong with a platform is said at the terminal in both languages.
func TestCheckSpeaksBothLanguages(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	in := "--platforms=" + dir
	t.Setenv("CLINIC_DIR", data)
	file := filepath.Join(data, "clinic_20260331.csv")
	require.NoError(t, os.WriteFile(file, []byte(extract(t, 8)), 0o600))
	_, err := platform(t, "new", "--kind=files", "clinic", in)
	require.NoError(t, err)
	_, err = platform(t, "discover", "clinic", in, "--out", filepath.Join(dir, "clinic.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(extract(t, 8), "民族", "族别", 1)), 0o600))
	out, err := platform(t, "check", "clinic", in)
	require.Error(t, err)
	require.Contains(t, out, "第 1 行的表头里没有 民族")
	require.Contains(t, out, "its header in line 1 has no column 民族")
}

// Without a running hub the same requests go to its store.
func TestRequestsThroughTheStore(t *testing.T) {
	dsn := pgtest.DSN(t)
	at := "--database-url=" + dsn
	st, err := store.Open(t.Context(), dsn, 2)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.RegisterPlatform(t.Context(), store.Platform{ID: "clinic", Name: "卫生服务", Kind: "files", Class: schema.ClassB, Writable: true}))
	require.NoError(t, st.SetAside(t.Context(), []store.Dead{{Platform: "clinic", Stage: "pull", Place: "a.csv:3", Problem: schema.ProblemNoKey},
		{Platform: "clinic", Stage: "pull", Place: "a.csv:4", Key: "S4", Problem: schema.ProblemEncoding}}))

	out, err := platform(t, "list", at, "--platforms="+t.TempDir())
	require.NoError(t, err)
	require.Regexp(t, `clinic +卫生服务 +files +read_only +loading +0 +2`, out)
	_, err = platform(t, "pause", "clinic", at)
	require.NoError(t, err)
	out, err = platform(t, "list", at, "--platforms="+t.TempDir())
	require.NoError(t, err)
	require.Contains(t, out, "paused")
	_, err = platform(t, "resume", "clinic", at)
	require.NoError(t, err)
	_, err = platform(t, "pause", "nobody", at)
	require.ErrorIs(t, err, store.ErrNotFound)

	_, err = platform(t, "resync", "clinic", "--who=王芳", at)
	require.NoError(t, err)
	list, err := st.PullRequests(t.Context(), "clinic")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "王芳", list[0].Who)
	_, err = platform(t, "resync", "nobody", at)
	require.ErrorIs(t, err, store.ErrNotFound)

	out, err = platform(t, "dead", at)
	require.NoError(t, err)
	require.Contains(t, out, "a.csv:3")
	_, err = platform(t, "dead", "drop", "--platform=clinic", at)
	require.ErrorContains(t, err, "why")
	_, err = platform(t, "dead", "drop", at, "--why=x")
	require.ErrorContains(t, err, "no row is named")
	dead, err := st.DeadRecords(t.Context(), "clinic", false, 10)
	require.NoError(t, err)
	_, err = platform(t, "dead", "retry", fmt.Sprint(dead[0].ID), at)
	require.NoError(t, err)
	_, err = platform(t, "dead", "drop", "--platform=clinic", "--why=test rows", "--who=王芳", at)
	require.NoError(t, err)
	out, err = platform(t, "dead", "list", at)
	require.NoError(t, err)
	require.Contains(t, out, "no row waits")
	out, err = platform(t, "dead", "list", "--all", at)
	require.NoError(t, err)
	require.Contains(t, out, "test rows")
}

func TestSchemaIsPublished(t *testing.T) {
	out, err := platform(t, "schema")
	require.NoError(t, err)
	var s map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &s))
	defs := s["$defs"].(map[string]any)
	for _, kind := range connectors.Kinds() {
		require.True(t, defs["connect_"+kind] != nil, "the schema lacks the kind %s: run go test ./connectors/kit -update", kind)
	}
}
