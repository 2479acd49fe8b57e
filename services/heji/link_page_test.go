package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page for newcomers in docs/examples/link, in both languages: every command
// is run where a reader would run it, in the folder of the page, and prints what
// the page shows. A line "…" stands for any lines.
func TestPageForNewcomers(t *testing.T) {
	for _, page := range []string{"README.md", "README.zh.md"} {
		t.Run(page, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "docs", "examples", "link"))))
			t.Chdir(dir) // the page names files as its reader does
			ran := map[string]int{}
			for _, b := range blocks(read(t, page)) {
				switch b.kind {
				case "yaml":
					require.NoError(t, os.WriteFile("mine.yaml", []byte(b.text), 0o600))
				case "console":
					for _, c := range typed(b.text) {
						ran[strings.Fields(c.line)[0]+" "+strings.Fields(c.line)[1]]++
						shows(t, c.line, c.output, output(t, c.line))
					}
				}
			}
			for _, command := range []string{"heji link", "heji explain", "heji score", "heji train"} {
				require.Positive(t, ran[command], "the page shows %s", command)
			}
		})
	}
}

// The two pages show the same commands with the same output.
func TestPagesForNewcomersAgree(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "docs", "examples", "link")
	require.Equal(t, blocks(read(t, filepath.Join(folder, "README.md"))), blocks(read(t, filepath.Join(folder, "README.zh.md"))))
}

type fenced struct{ kind, text string }

// blocks returns the fenced blocks of a page.
func blocks(page string) (list []fenced) {
	for {
		_, rest, ok := strings.Cut(page, "\n```")
		if !ok {
			return list
		}
		kind, rest, _ := strings.Cut(rest, "\n")
		text, rest, _ := strings.Cut(rest, "```\n")
		list, page = append(list, fenced{kind, text}), "\n"+rest
	}
}

type typedLine struct{ line, output string }

func typed(console string) (list []typedLine) {
	for _, line := range strings.SplitAfter(console, "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, typedLine{line: strings.TrimSpace(command)})
		} else if len(list) > 0 {
			list[len(list)-1].output += line
		}
	}
	return list
}

// output is what a command prints: standard output, and behind it what goes to
// standard error.
func output(t *testing.T, line string) string {
	t.Helper()
	args := strings.Fields(line)
	switch args[0] {
	case "head": // head -n N FILE
		require.Equal(t, "-n", args[1])
		n, err := strconv.Atoi(args[2])
		require.NoError(t, err)
		lines := strings.SplitAfter(read(t, args[3]), "\n")
		return strings.Join(lines[:min(n, len(lines))], "")
	case "heji":
		out, log, err := run(t, args[1:]...)
		if err != nil {
			log += "heji: " + err.Error() + "\n"
		}
		return out + log
	}
	t.Fatalf("the page shows %q, which is no command that can be checked", args[0])
	return ""
}

// shows requires that a page shows what a command printed. Files are named in
// messages with their folder, which a page cannot know.
func shows(t *testing.T, line, want, got string) {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	got = strings.ReplaceAll(got, dir+string(filepath.Separator), "")
	parts := strings.Split("\n"+want, "\n…\n")
	if len(parts) == 1 {
		require.Equal(t, want, got, line)
		return
	}
	rest := "\n" + got
	for i, part := range parts {
		_, after, found := strings.Cut(rest, part)
		require.True(t, found, "%s: the page shows\n%s\nwhich is not in\n%s", line, part, got)
		if rest = after; i < len(parts)-1 {
			rest = "\n" + strings.TrimPrefix(rest, "\n")
		}
	}
}
