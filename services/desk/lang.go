package desk

import (
	"embed"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"heji/connectors"
	"heji/services/store"
)

// Lang is a language of pages and messages.
type Lang string

// The languages. Chinese comes first: it is what staff work in.
const (
	Chinese Lang = "zh"
	English Lang = "en"
)

//go:embed text/*.yaml
var textFiles embed.FS

// catalogue is one language's file: what to say, by key.
type catalogue struct {
	Text map[string]string `yaml:"text"`
	// Reasons translates sentences that writeback stores with a target; it is
	// keyed by how they begin. What is not in it is shown as it is.
	Reasons map[string]string `yaml:"reasons"`
	// Troubles says what is wrong with a platform, by the code of connectors. The
	// sentences of the connectors themselves are English.
	Troubles map[string]string `yaml:"troubles"`
}

var catalogues = sync.OnceValue(func() map[Lang]catalogue {
	out := map[Lang]catalogue{}
	for _, l := range []Lang{Chinese, English} {
		data, err := textFiles.ReadFile("text/" + string(l) + ".yaml")
		if err != nil {
			panic("desk: " + err.Error()) // the file is part of the binary
		}
		var c catalogue
		if err := yaml.Unmarshal(data, &c); err != nil {
			panic(fmt.Sprintf("desk: text/%s.yaml: %v", l, err)) // and tested
		}
		out[l] = c
	}
	return out
})

// T says a key in the language. pairs replace {name}: name, text, name, text.
func (l Lang) T(key string, pairs ...any) string {
	text, ok := catalogues()[l].Text[key]
	if !ok {
		return key // a test holds that this does not happen
	}
	if len(pairs) == 0 {
		return text
	}
	olds := make([]string, len(pairs))
	for i, p := range pairs {
		olds[i] = fmt.Sprint(p)
		if i%2 == 0 {
			olds[i] = "{" + olds[i] + "}"
		}
	}
	return strings.NewReplacer(olds...).Replace(text)
}

// Reason says in the language why a target waits.
func (l Lang) Reason(sentence string) string {
	for begins, said := range catalogues()[l].Reasons {
		if strings.HasPrefix(sentence, begins) {
			return said
		}
	}
	return sentence
}

// Trouble says in the language what is wrong with a platform. A sentence without
// a code is shown as it is.
func (l Lang) Trouble(t store.Trouble) string {
	text, ok := catalogues()[l].Troubles[t.Code]
	if !ok {
		return t.Sentence
	}
	return connectors.Fill(text, t.Args)
}

// Other is the language to switch to.
func (l Lang) Other() Lang {
	if l == Chinese {
		return English
	}
	return Chinese
}

func language(s string) (Lang, bool) {
	s, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(s)), "-")
	switch Lang(s) {
	case Chinese:
		return Chinese, true
	case English:
		return English, true
	}
	return "", false
}

const langCookie = "lang"

// pageLang is the language of a page: ?lang=, the cookie that it leaves, else
// Chinese.
func pageLang(w http.ResponseWriter, r *http.Request) Lang {
	if l, ok := language(r.URL.Query().Get("lang")); ok {
		setCookie(w, langCookie, string(l))
		return l
	}
	if c, err := r.Cookie(langCookie); err == nil {
		if l, ok := language(c.Value); ok {
			return l
		}
	}
	return Chinese
}

// apiLang is the language of an answer to a program: ?lang=, then the first of
// Accept-Language that we speak, else Chinese.
func apiLang(r *http.Request) Lang {
	if l, ok := language(r.URL.Query().Get("lang")); ok {
		return l
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(part, ";")
		if l, ok := language(tag); ok {
			return l
		}
	}
	return Chinese
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode})
}
