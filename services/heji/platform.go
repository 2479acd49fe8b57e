package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"heji/connectors"
	"heji/connectors/kit"
	"heji/connectors/mapping"
	"heji/connectors/spec"
	"heji/services/hub"
)

type platformCommand struct {
	New      platformNew      `cmd:"" help:"Write a commented file for a platform. 新建配置文件。"`
	Discover platformDiscover `cmd:"" help:"Show the platform's columns and propose a mapping. 查看列并建议映射。"`
	Check    platformCheck    `cmd:"" help:"Reach it; credentials, columns, codes, reversibility. 检查。"`
	Preview  platformPreview  `cmd:"" help:"Show the first rows as Heji reads them. 预览。"`
	Verify   platformVerify   `cmd:"" help:"Run the conformance suite against it and write a report. 验证并出报告。"`
	Schema   platformSchema   `cmd:"" help:"Write the JSON Schema of the files, for editors. 配置文件的 JSON Schema。"`

	List       platformList       `cmd:"" help:"List the platforms and how they are. 列出。"`
	Effect     platformEffect     `cmd:"" help:"What writing to it would do, by attribute. 试算回写的影响。"`
	Step       platformStep       `cmd:"" help:"Take it a step up or down the ladder. 更改回写阶段。"`
	Pause      platformPause      `cmd:"" help:"Hold all writing to a platform. 暂停回写。"`
	Resume     platformResume     `cmd:"" help:"Let it go on. 恢复回写。"`
	Resync     platformResync     `cmd:"" help:"Read a platform whole again. 重新完整读取。"`
	Open       platformOpen       `cmd:"" help:"Let it take part again after the database was restored. 数据库恢复后开通。"`
	Rollback   platformRollback   `cmd:"" help:"Take back what was written to it in a time. 撤回某段时间的写入。"`
	Dead       platformDead       `cmd:"" help:"Rows that could not be used: list, retry, drop. 搁置的行。"`
	Proposals  platformProposals  `cmd:"" help:"What is proposed to its owner, and what became of it. 提请核对。"`
	Quarantine platformQuarantine `cmd:"" help:"Whole reads that wait for a person: look, release, discard. 隔离的读取。"`
	Brake      platformBrake      `cmd:"" help:"Writing that was stopped because too many rows would be written: look, release. 回写制动。"`
}

// platformFiles says where the files of the platforms are.
type platformFiles struct {
	Platforms string `help:"Folder with one YAML file for each platform." default:"./platforms" env:"HEJI_PLATFORMS" type:"path"`
	Sealed    string `help:"Folder of the sealed platforms (class D). Default: sealed in the folder of platforms." env:"HEJI_SEALED" type:"path"`
}

// sealedFolder is where the files of sealed platforms are.
func (f platformFiles) sealedFolder() string {
	if f.Sealed != "" {
		return f.Sealed
	}
	return filepath.Join(f.Platforms, "sealed")
}

// isSealed reports whether a file is one of a sealed platform, which only the
// satellite reads: its folder says so.
func (f platformFiles) isSealed(path string) bool {
	folder, err := os.Stat(f.sealedFolder())
	if err != nil {
		return false
	}
	its, err := os.Stat(filepath.Dir(path))
	return err == nil && os.SameFile(folder, its)
}

// envFile holds the values of ${NAME} beside the files, for those who do not want
// them in the environment. It is a secret: mode 0600, never in git.
const envFile = ".env"

// environment looks a variable up in the process's own environment, then in the
// .env file of the folder.
func environment(folder string) (spec.Environment, error) {
	path := filepath.Join(folder, envFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.LookupEnv, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s holds secrets, and others on this machine may read it. Run: chmod 600 %s", path, path)
	}
	values := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			return nil, fmt.Errorf("%s:%d: write NAME=value", path, n) // I9: not what stands there
		}
		value = strings.TrimSpace(value)
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		values[strings.TrimSpace(name)] = value
	}
	return func(name string) (string, bool) {
		if v, ok := os.LookupEnv(name); ok {
			return v, ok
		}
		v, ok := values[name]
		return v, ok
	}, lines.Err()
}

// path finds the file of a platform: a path, or a name in the folder.
func (f platformFiles) path(name string) string {
	if strings.ContainsRune(name, filepath.Separator) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		return name
	}
	for _, folder := range []string{f.Platforms, f.sealedFolder()} {
		for _, ext := range []string{".yaml", ".yml"} {
			if path := filepath.Join(folder, name+ext); fileExists(path) {
				return path
			}
		}
	}
	return filepath.Join(f.Platforms, name+".yaml")
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// source reads a platform's file.
func (f platformFiles) source(name string) (path string, text []byte, env spec.Environment, err error) {
	path = f.path(name)
	text, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil, fmt.Errorf("there is no file %s. Make one: heji platform new --kind %s %s", path, strings.Join(connectors.Kinds(), "|"), strings.TrimSuffix(filepath.Base(path), ".yaml"))
	}
	if err != nil {
		return path, nil, nil, fmt.Errorf("the platform's file cannot be read: %w", err)
	}
	env, err = environment(filepath.Dir(path))
	return path, text, env, err
}

// connected is a platform that was opened for a person at a terminal. It has a
// folder of its own, so that it never touches what a running hub keeps.
type connected struct {
	path string
	text []byte
	spec *spec.Platform
	mapp *mapping.Map // nil for a draft
	conn connectors.Connector
	dir  string
}

// asking is a command that asks a platform itself, be it through a running hub.
type asking struct {
	platformFiles
	Data    string `help:"Data folder of the running hub, through whose NATS programs of kind remote are asked." default:"./.heji" env:"HEJI_DATA" type:"path"`
	NATSURL string `help:"Your own NATS, if the hub uses that." env:"NATS_URL" name:"nats-url"`
}

// environment is what a connector may use that a person opens at a terminal.
func (f asking) environment(dir string) connectors.Environment {
	return connectors.Environment{Dir: dir, Attended: true, NATS: hub.Visit(f.Data, f.NATSURL)}
}

func (f asking) open(ctx context.Context, name string, draft bool) (*connected, error) {
	path, text, env, err := f.source(name)
	if err != nil {
		return nil, err
	}
	p := &connected{path: path, text: text}
	switch {
	case draft:
		p.spec, err = spec.ParseDraft(path, text, env)
	case f.isSealed(path):
		p.spec, err = spec.ParseSealed(path, text, env)
	default:
		p.spec, err = spec.Parse(path, text, env)
	}
	if err == nil && !draft {
		p.mapp, err = mapping.New(p.spec)
	}
	if err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", "heji-platform-"); err != nil {
		return nil, err
	}
	if p.conn, err = connectors.Open(ctx, p.spec, f.environment(p.dir)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, nil
}

func (p *connected) close() error { return errors.Join(p.conn.Close(), os.RemoveAll(p.dir)) }

type platformNew struct {
	platformFiles
	Kind string `help:"How it is reached. ${kinds}" required:"" placeholder:"KIND"`
	Name string `arg:"" help:"Short name: lower case letters, digits and _."`
	Out  string `help:"Write there instead of the folder; - is the terminal." short:"o" placeholder:"FILE"`

	console
}

// Run writes a file to begin with. It never writes over one that is there.
func (c *platformNew) Run() error {
	text, err := kit.New(c.Kind, c.Name)
	if err != nil {
		return err
	}
	if c.Out == "-" {
		_, err := c.out().Write(text)
		return err
	}
	path := c.Out
	if path == "" {
		path = filepath.Join(c.Platforms, c.Name+".yaml")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	if err := writeNew(path, text); err != nil {
		return err
	}
	if err := writeSchema(filepath.Join(filepath.Dir(path), kit.SchemaFile)); err != nil {
		return err
	}
	fmt.Fprintf(c.out(), "已写好 written: %s\n下一步 next: 填好 connect，然后 fill in connect, then  heji platform discover %s\n", path, c.Name)
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and stays as it is. Give another name, or write elsewhere with --out FILE", path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(text)
	return err
}

type platformSchema struct {
	Out string `help:"File to write; default: the terminal." short:"o" placeholder:"FILE"`

	console
}

// Run writes the JSON Schema of the platforms' files.
func (c *platformSchema) Run() error {
	if c.Out != "" {
		return writeSchema(c.Out)
	}
	text, err := kit.Schema()
	if err != nil {
		return err
	}
	_, err = c.out().Write(text)
	return err
}

// writeSchema writes the schema of this program's version over an older one.
func writeSchema(path string) error {
	text, err := kit.Schema()
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o640)
}
