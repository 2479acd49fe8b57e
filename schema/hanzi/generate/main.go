// Command generate writes the character tables of package hanzi out of published
// ones. It is a module of its own, so that what it needs is no dependency of the
// program.
//
// It reads the Unihan database (Unicode 15.0; Debian's package unicode-data puts
// it into /usr/share/unicode) and the dictionary of go-pinyin, and calls uconv
// (Debian's icu-devtools) for ICU's transliterator from traditional to
// simplified. What was compiled by hand is data of the package, too, and is only
// read: variants_compiled.csv here, similar.csv, readings.csv and surnames.csv
// by the package itself.
//
//	go generate ./schema/hanzi
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	unihan := flag.String("unihan", "/usr/share/unicode", "folder with Unihan_*.txt, plain or compressed with bzip2")
	out := flag.String("out", "../data", "folder of the tables")
	flag.Parse()
	if err := run(*unihan, *out); err != nil {
		log.Fatal(err)
	}
}

func run(unihan, out string) error {
	u, err := readUnihan(unihan)
	if err != nil {
		return fmt.Errorf("read the Unihan database (-unihan; Debian: apt-get install unicode-data): %w", err)
	}
	if err := writeVariants(u, out); err != nil {
		return fmt.Errorf("variants: %w", err)
	}
	if err := writePinyin(u, out); err != nil {
		return fmt.Errorf("readings: %w", err)
	}
	if err := writeShapes(u, out); err != nil {
		return fmt.Errorf("shapes: %w", err)
	}
	return nil
}

// writeTable writes a data file: a comment that names its source, the names of
// its columns, its rows.
func writeTable(out, name, comment, columns string, rows []string) error {
	f, err := os.Create(filepath.Join(out, name))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "# %s\n%s\n", comment, columns)
	for _, row := range rows {
		fmt.Fprintln(w, row)
	}
	if err := w.Flush(); err != nil {
		_ = f.Close() // the first error is the one to report
		return err
	}
	return f.Close()
}

// readTable returns the rows of a data file below its column names.
func readTable(name string) ([][]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(line, ","))
		}
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s has no rows", name)
	}
	return rows[1:], nil
}
