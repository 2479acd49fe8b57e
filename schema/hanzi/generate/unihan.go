package main

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// unihan holds the fields of the Unihan database that the tables need, by
// character. What the fields mean is in Unicode Standard Annex 38.
type unihan map[string]map[rune]string

var files = []string{"Variants", "DictionaryLikeData", "IRGSources", "OtherMappings", "Readings"}

func readUnihan(folder string) (unihan, error) {
	u := unihan{}
	for _, name := range files {
		if err := u.read(filepath.Join(folder, "Unihan_"+name+".txt")); err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (u unihan) read(name string) error {
	f, err := os.Open(name)
	var r io.Reader = f
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = os.Open(name + ".bz2"); err == nil {
			r = bzip2.NewReader(f)
		}
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	s := bufio.NewScanner(r)
	for s.Scan() {
		p := strings.SplitN(s.Text(), "\t", 3)
		if len(p) != 3 || !strings.HasPrefix(p[0], "U+") {
			continue
		}
		c, err := codePoint(p[0])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if u[p[1]] == nil {
			u[p[1]] = map[rune]string{}
		}
		u[p[1]][c] = p[2]
	}
	return s.Err()
}

func codePoint(s string) (rune, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(s, "U+"), 16, 32)
	return rune(n), err
}

// standard returns the place of a character in the 通用规范汉字表 of 2013, up to 3,500
// the usual ones, up to 6,500 the less usual, up to 8,105 those of names and
// places; 0 for a character that is not in it.
func (u unihan) standard(c rune) int {
	_, place, ok := strings.Cut(u["kTGH"][c], ":")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(strings.Fields(place)[0])
	if err != nil {
		panic("kTGH of " + string(c) + ": " + err.Error())
	}
	return n
}

// usual is the last place of the usual and less usual characters.
const usual = 6500

// variants returns the characters that a field of Unihan_Variants names.
func (u unihan) variants(field string, c rune) []rune {
	var list []rune
	for _, v := range strings.Fields(u[field][c]) {
		v, _, _ = strings.Cut(v, "<") // the dictionaries that say so
		r, err := codePoint(v)
		if err != nil {
			panic(field + " of " + string(c) + ": " + err.Error())
		}
		list = append(list, r)
	}
	return list
}

// modern returns the toneless readings that the two dictionaries of today's
// language give, 通用规范汉字字典 and 现代汉语词典.
func (u unihan) modern(c rune) map[string]bool {
	m := map[string]bool{}
	for _, field := range []string{"kTGHZ2013", "kXHC1983"} {
		u.dictionary(m, field, c)
	}
	return m
}

// any adds what other dictionaries and Unihan itself say.
func (u unihan) any(c rune) map[string]bool {
	m := u.modern(c)
	u.dictionary(m, "kHanyuPinyin", c)
	for _, r := range strings.Fields(u["kMandarin"][c]) {
		m[toneless(r)] = true
	}
	return m
}

// dictionary adds the readings of a field of the form "page:reading,reading …".
func (u unihan) dictionary(m map[string]bool, field string, c rune) {
	for _, entry := range strings.Fields(u[field][c]) {
		_, list, _ := strings.Cut(entry, ":")
		for r := range strings.SplitSeq(list, ",") {
			m[toneless(r)] = true
		}
	}
}

// toneless drops the marks of a reading; ü becomes v.
func toneless(reading string) string {
	var b []byte
	for _, r := range norm.NFD.String(strings.ToLower(reading)) {
		switch {
		case r >= 'a' && r <= 'z':
			b = append(b, byte(r))
		case r == 0x0308 && len(b) > 0 && b[len(b)-1] == 'u': // the dots of ü
			b[len(b)-1] = 'v'
		}
	}
	return string(b)
}

func han(c rune) bool { return unicode.Is(unicode.Han, c) && unicode.IsLetter(c) }
