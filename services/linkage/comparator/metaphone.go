package comparator

import (
	"slices"
	"strings"
)

// maxCode bounds a code of metaphone. Published codes end after four letters,
// which is too coarse to tell long surnames apart.
const maxCode = 16

// metaphone returns the Double Metaphone codes (Lawrence Philips, C/C++ Users
// Journal, June 2000) of a folded text without accents: how English speakers
// say it, and how they may say it of another origin; the second equals the first
// where there is one way. "0" is th, "X" is sh. Empty where the text has no
// sounded letter of the alphabet.
func metaphone(s string) (first, second string) {
	w := spoken{
		s:        s,
		slavonic: strings.ContainsAny(s, "wk") || strings.Contains(s, "cz"),
	}
	if w.at(0, "gn", "kn", "pn", "wr", "ps") {
		w.i = 1
	}
	// Both codes need room for the longest sound.
	var one, two []byte
	for w.i < len(s) && (len(one) < maxCode || len(two) < maxCode) {
		a, b, length := w.sound()
		one, two = append(one, a...), append(two, b...)
		w.i += length
	}
	return string(one[:min(len(one), maxCode)]), string(two[:min(len(two), maxCode)])
}

// appendSounds appends the codes of a text as a set.
func appendSounds(dst []byte, plain string) []byte {
	first, second := metaphone(plain)
	codes := slices.DeleteFunc([]string{first, second}, func(c string) bool { return c == "" })
	return appendSet(dst, codes)
}

// spoken is a text and how far it has been read.
type spoken struct {
	s        string
	i        int
	slavonic bool // of Slavonic or German spelling
}

// at reports whether one of the texts stands so many letters from here.
func (w *spoken) at(offset int, texts ...string) bool {
	from := w.i + offset
	if from < 0 || from > len(w.s) {
		return false
	}
	for _, t := range texts {
		if strings.HasPrefix(w.s[from:], t) {
			return true
		}
	}
	return false
}

// starts reports whether the whole text starts with one of these.
func (w *spoken) starts(texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.HasPrefix(w.s, t) })
}

// letter returns the letter so many places from here, 0 outside.
func (w *spoken) letter(offset int) byte {
	if i := w.i + offset; i >= 0 && i < len(w.s) {
		return w.s[i]
	}
	return 0
}

// in reports whether the letter so many places from here is one of these.
func (w *spoken) in(offset int, letters string) bool {
	c := w.letter(offset)
	return c != 0 && strings.IndexByte(letters, c) >= 0
}

func (w *spoken) vowel(offset int) bool { return w.in(offset, "aeiouy") }

func (w *spoken) last() bool { return w.i == len(w.s)-1 }

func (w *spoken) germanic() bool { return w.starts("van ", "von ", "sch") }

// doubled is 2 where the next letter is one of these and belongs to this one.
func (w *spoken) doubled(letters string) int {
	if w.in(1, letters) {
		return 2
	}
	return 1
}

// sound returns both sounds of what stands here, and how many letters it takes.
func (w *spoken) sound() (first, second string, length int) {
	switch c := w.letter(0); c {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		if w.i == 0 {
			return "A", "A", 1
		}
		return "", "", 1
	case 'b':
		return "P", "P", w.doubled("b")
	case 'c':
		return w.soundC()
	case 'd':
		return w.soundD()
	case 'f', 'v':
		return "F", "F", w.doubled(string(c))
	case 'g':
		return w.soundG()
	case 'h':
		if (w.i == 0 || w.vowel(-1)) && w.vowel(1) {
			return "H", "H", 2
		}
		return "", "", 1
	case 'j':
		return w.soundJ()
	case 'k', 'q':
		return "K", "K", w.doubled(string(c))
	case 'l':
		return w.soundL()
	case 'm':
		if w.in(1, "m") || w.at(-1, "umb") && (w.i+2 == len(w.s) || w.at(2, "er")) {
			return "M", "M", 2
		}
		return "M", "M", 1
	case 'n':
		return "N", "N", w.doubled("n")
	case 'p':
		if w.in(1, "h") {
			return "F", "F", 2
		}
		return "P", "P", w.doubled("pb")
	case 'r':
		if w.last() && !w.slavonic && w.at(-2, "ie") && !w.at(-4, "me", "ma") {
			return "", "R", 1
		}
		return "R", "R", w.doubled("r")
	case 's':
		return w.soundS()
	case 't':
		return w.soundT()
	case 'w':
		return w.soundW()
	case 'x':
		return w.soundX()
	case 'z':
		return w.soundZ()
	}
	return "", "", 1
}

func (w *spoken) soundC() (first, second string, length int) {
	switch {
	case w.at(0, "chia"), w.hardACH():
		return "K", "K", 2
	case w.i == 0 && w.at(0, "caesar"):
		return "S", "S", 2
	case w.at(0, "ch"):
		return w.soundCH()
	case w.at(0, "cz") && !w.at(-2, "wicz"): // Czerny
		return "S", "X", 2
	case w.at(1, "cia"): // focaccia
		return "X", "X", 3
	case w.at(0, "cc") && !(w.i == 1 && w.starts("m")): // not McClelland
		switch {
		case !w.in(2, "ieh") || w.at(2, "hu"): // Bacchus
			return "K", "K", 2
		case w.i == 1 && w.starts("a"), w.at(-1, "uccee", "ucces"): // accident
			return "KS", "KS", 3
		}
		return "X", "X", 3 // Bertucci
	case w.at(0, "ck", "cg", "cq"):
		return "K", "K", 2
	case w.at(0, "cio", "cie", "cia"):
		return "S", "X", 2
	case w.at(0, "ci", "ce", "cy"):
		return "S", "S", 2
	case w.at(1, " c", " q", " g"): // Mac Gregor
		return "K", "K", 3
	case w.in(1, "ckq") && !w.at(1, "ce", "ci"):
		return "K", "K", 2
	}
	return "K", "K", 1
}

// hardACH finds the German ach behind a consonant, as in Bacher.
func (w *spoken) hardACH() bool {
	return w.i > 1 && !w.vowel(-2) && w.at(-1, "ach") && (!w.in(2, "ie") || w.at(-2, "bacher", "macher"))
}

func (w *spoken) soundCH() (first, second string, length int) {
	greek := w.i == 0 && w.at(1, "harac", "haris", "hor", "hym", "hia", "hem") && !w.starts("chore")
	behind := w.i == 0 || w.in(-1, "aoue")
	switch {
	case w.i > 0 && w.at(0, "chae"): // Michael
		return "K", "X", 2
	case greek, w.germanic(), w.at(-2, "orches", "archit", "orchid"), w.in(2, "ts"),
		behind && (w.in(2, "lrnmbhfvw ") || w.i+2 == len(w.s)):
		return "K", "K", 2
	case w.i == 0:
		return "X", "X", 2
	case w.starts("mc"):
		return "K", "K", 2
	}
	return "X", "K", 2
}

func (w *spoken) soundD() (first, second string, length int) {
	switch {
	case w.at(0, "dg") && w.in(2, "iey"): // edge
		return "J", "J", 3
	case w.at(0, "dg"): // Edgar
		return "TK", "TK", 2
	}
	return "T", "T", w.doubled("td")
}

func (w *spoken) soundG() (first, second string, length int) {
	switch {
	case w.in(1, "h"):
		return w.soundGH()
	case w.in(1, "n"):
		switch {
		case w.i == 1 && w.vowel(-1) && !w.slavonic:
			return "KN", "N", 2
		case !w.at(2, "ey") && !w.slavonic:
			return "N", "KN", 2
		}
		return "KN", "KN", 2
	case w.at(1, "li") && !w.slavonic: // Tagliaro
		return "KL", "L", 2
	case w.i == 0 && w.at(1, "y", "es", "ep", "eb", "el", "ey", "ib", "il", "in", "ie", "ei", "er"):
		return "K", "J", 2
	case w.at(1, "er", "y") && !w.starts("danger", "ranger", "manger") && !w.in(-1, "ei") && !w.at(-1, "rgy", "ogy"):
		return "K", "J", 2
	case w.in(1, "eiy"), w.at(-1, "aggi", "oggi"): // Biaggi
		switch {
		case w.germanic(), w.at(1, "et"):
			return "K", "K", 2
		case w.at(1, "ier"):
			return "J", "J", 2
		}
		return "J", "K", 2
	}
	return "K", "K", w.doubled("g")
}

func (w *spoken) soundGH() (first, second string, length int) {
	switch {
	case w.i > 0 && !w.vowel(-1):
		return "K", "K", 2
	case w.i == 0 && w.in(2, "i"): // Ghislane
		return "J", "J", 2
	case w.i == 0:
		return "K", "K", 2
	case w.in(-2, "bhd"), w.in(-3, "bhd"), w.in(-4, "bh"): // Hugh
		return "", "", 2
	case w.in(-1, "u") && w.in(-3, "cglrt"): // laugh
		return "F", "F", 2
	case !w.in(-1, "i"):
		return "K", "K", 2
	}
	return "", "", 2
}

func (w *spoken) soundJ() (first, second string, length int) {
	switch {
	case w.starts("san "), w.i == 0 && w.at(0, "jose") && (len(w.s) == 4 || w.at(4, " ")):
		return "H", "H", 1
	case w.at(0, "jose"):
		return "J", "H", 1
	case w.i == 0: // Jankelowicz
		return "J", "A", w.doubled("j")
	case w.vowel(-1) && !w.slavonic && w.in(1, "ao"): // bajador
		return "J", "H", w.doubled("j")
	case w.last():
		return "J", "", 1
	case !w.in(1, "ltksnmbz") && !w.in(-1, "skl"):
		return "J", "J", w.doubled("j")
	}
	return "", "", w.doubled("j")
}

func (w *spoken) soundL() (first, second string, length int) {
	if !w.in(1, "l") {
		return "L", "L", 1
	}
	spanish := w.i == len(w.s)-3 && w.at(-1, "illo", "illa", "alle") ||
		w.at(-1, "alle") && (strings.HasSuffix(w.s, "as") || strings.HasSuffix(w.s, "os") ||
			strings.HasSuffix(w.s, "a") || strings.HasSuffix(w.s, "o"))
	if spanish { // Cabrillo
		return "L", "", 2
	}
	return "L", "L", 2
}

func (w *spoken) soundS() (first, second string, length int) {
	switch {
	case w.at(-1, "isl", "ysl"): // Carlisle
		return "", "", 1
	case w.i == 0 && w.at(0, "sugar"):
		return "X", "S", 1
	case w.at(0, "sh") && w.at(1, "heim", "hoek", "holm", "holz"):
		return "S", "S", 2
	case w.at(0, "sh"):
		return "X", "X", 2
	case w.at(0, "sio", "sia") && w.slavonic:
		return "S", "S", 3
	case w.at(0, "sio", "sia"):
		return "S", "X", 3
	case w.i == 0 && w.in(1, "mnlw"), w.in(1, "z"): // Smith is Schmidt, Snider is Schneider
		return "S", "X", w.doubled("z")
	case w.at(0, "sc"):
		return w.soundSC()
	case w.last() && w.at(-2, "ai", "oi"): // Artois
		return "", "S", 1
	}
	return "S", "S", w.doubled("sz")
}

func (w *spoken) soundSC() (first, second string, length int) {
	switch {
	case w.in(2, "h") && w.at(3, "er", "en"): // Schenker
		return "X", "SK", 3
	case w.in(2, "h") && w.at(3, "oo", "uy", "ed", "em"): // school
		return "SK", "SK", 3
	case w.in(2, "h") && w.i == 0 && !w.vowel(3) && !w.in(3, "w"):
		return "X", "S", 3
	case w.in(2, "h"):
		return "X", "X", 3
	case w.in(2, "iey"):
		return "S", "S", 3
	}
	return "SK", "SK", 3
}

func (w *spoken) soundT() (first, second string, length int) {
	switch {
	case w.at(0, "tion", "tia", "tch"):
		return "X", "X", 3
	case w.at(0, "th", "tth") && (w.at(2, "om", "am") || w.germanic()): // Thomas
		return "T", "T", 2
	case w.at(0, "th", "tth"):
		return "0", "T", 2
	}
	return "T", "T", w.doubled("td")
}

func (w *spoken) soundW() (first, second string, length int) {
	switch {
	case w.at(0, "wr"):
		return "R", "R", 2
	case w.i == 0 && w.vowel(1): // Wasserman is Vasserman
		return "A", "F", 1
	case w.i == 0 && w.in(1, "h"):
		return "A", "A", 1
	case w.last() && w.vowel(-1), w.at(-1, "ewski", "ewsky", "owski", "owsky"), w.starts("sch"): // Arnow is Arnoff
		return "", "F", 1
	case w.at(0, "wicz", "witz"): // Filipowicz
		return "TS", "FX", 4
	}
	return "", "", 1
}

func (w *spoken) soundX() (first, second string, length int) {
	length = w.doubled("cx")
	switch {
	case w.i == 0: // Xavier
		return "S", "S", 1
	case w.last() && w.at(-3, "iau", "eau"), w.last() && w.at(-2, "au", "ou"): // Breaux
		return "", "", length
	}
	return "KS", "KS", length
}

func (w *spoken) soundZ() (first, second string, length int) {
	switch {
	case w.in(1, "h"): // Zhao
		return "J", "J", 2
	case w.at(1, "zo", "zi", "za"), w.slavonic && w.i > 0 && !w.in(-1, "t"):
		return "S", "TS", w.doubled("z")
	}
	return "S", "S", w.doubled("z")
}
