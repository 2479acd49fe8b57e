package desk

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors"
	"heji/schema"
	"heji/services/registry"
	"heji/services/store"
)

// Asked is a value that the owner of a platform should look at (校核纠错).
type Asked struct {
	ID        int64            `json:"id"`
	Key       string           `json:"key"`
	Resident  string           `json:"resident"`
	Name      string           `json:"name"`
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Column    string           `json:"column"` // the platform's own name
	Shown     string           `json:"shown"`  // as the platform writes it
	Proposed  string           `json:"proposed"`
	At        time.Time        `json:"at"`
	State     string           `json:"state"` // open, unseen (accepted, and not seen yet), accepted, declined, moot
	Word      string           `json:"word"`
	Who       string           `json:"who,omitempty"`
	Why       string           `json:"why,omitempty"`
	CanAnswer bool             `json:"can_answer"`
}

// AskedList is what is proposed to one platform.
type AskedList struct {
	Platform  string  `json:"platform"`
	Name      string  `json:"name"`
	Proposals []Asked `json:"proposals"`
}

func (d *Desk) routeProposals(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/platforms/{id}/proposals", d.api(d.getProposals))
	mux.HandleFunc("POST /api/v1/platforms/{id}/proposals", d.api(d.postProposals))
	mux.HandleFunc("POST /api/v1/platforms/{id}/proposals/file", d.api(d.postProposalFile))
	mux.HandleFunc("GET /api/v1/platforms/{id}/proposals/file", func(w http.ResponseWriter, r *http.Request) {
		if err := d.proposalFile(w, r); err != nil {
			writeProblem(w, apiLang(r), d.failureOf(r, err))
		}
	})
	mux.HandleFunc("GET /platforms/{id}/proposals", d.html(d.proposalsPage))
	mux.HandleFunc("GET /platforms/{id}/proposals/file", d.html(d.proposalFile))
	mux.HandleFunc("POST /platforms/{id}/proposals", d.act(d.proposalForm))
	mux.HandleFunc("POST /platforms/{id}/proposals/file", d.html(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := d.receiveProposals(r); err != nil {
			return err
		}
		http.Redirect(w, r, "/platforms/"+url.PathEscape(r.PathValue("id"))+"/proposals", http.StatusSeeOther)
		return nil
	}))
}

func (d *Desk) proposals(ctx context.Context, l Lang, id string, all bool) (AskedList, *registry.Platform, error) {
	p, err := d.openPlatform(ctx, id)
	if err != nil {
		return AskedList{}, nil, err
	}
	list, err := d.o.Store.Proposals(ctx, id, all)
	if err != nil {
		return AskedList{}, nil, err
	}
	reg, _ := d.o.Registry.Get(id)
	out := AskedList{Platform: id, Name: l.Platform(p), Proposals: []Asked{}}
	for _, x := range list {
		a := Asked{ID: x.ID, Key: x.Key, Resident: x.Resident.String(), Name: x.Name, Attribute: x.Attribute, Label: l.Attribute(x.Attribute),
			Column: string(x.Attribute), Shown: x.Shown, Proposed: x.Proposed, At: x.At, State: string(x.Outcome), Who: x.Who, Why: x.Why}
		if reg != nil && reg.Map != nil {
			if columns := slices.Sorted(maps.Keys(reg.Map.Columns(x.Attribute, x.Proposed))); len(columns) > 0 {
				a.Column = strings.Join(columns, "、")
			}
		}
		if x.Outcome == store.ProposalAccepted && x.SeenAt == nil {
			a.State = "unseen"
		}
		a.CanAnswer = x.SeenAt == nil && x.Outcome != store.ProposalMoot
		a.Word = l.T("proposals.state." + a.State)
		out.Proposals = append(out.Proposals, a)
	}
	return out, reg, nil
}

// getProposals answers GET /api/v1/platforms/{id}/proposals.
func (d *Desk) getProposals(r *http.Request, l Lang) (answer, error) {
	list, _, err := d.proposals(r.Context(), l, r.PathValue("id"), r.URL.Query().Get("all") != "")
	if err == nil {
		err = d.parcelNote(r, "", "proposal.read", list.Platform, "", map[string]int{"proposals": len(list.Proposals)})
	}
	return answer{status: http.StatusOK, body: list}, err
}

// answersBody is what POST /api/v1/platforms/{id}/proposals takes.
type answersBody struct {
	Who     string `json:"who"`
	Answers []struct {
		ID       int64                 `json:"id"`
		Proposed string                `json:"proposed"` // what is answered: a proposal that has changed since is not
		Outcome  store.ProposalOutcome `json:"outcome"`  // accepted or declined
		Why      string                `json:"why"`
	} `json:"answers"`
}

// postProposals answers POST /api/v1/platforms/{id}/proposals: the owner's answers.
func (d *Desk) postProposals(r *http.Request, l Lang) (answer, error) {
	var b answersBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	var list []store.ProposalAnswer
	for _, a := range b.Answers {
		list = append(list, store.ProposalAnswer{ID: a.ID, Proposed: a.Proposed, Outcome: a.Outcome, Why: a.Why})
	}
	if err := d.answerProposals(r, b.Who, list, 1); err != nil {
		return answer{}, err
	}
	return d.getProposals(r, l)
}

// answerProposals records answers; first is the number of the first in whatever
// they came in, so that a sentence can name the line.
func (d *Desk) answerProposals(r *http.Request, who string, list []store.ProposalAnswer, first int) error {
	p, err := d.openPlatform(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	who, ok := named(who)
	if !ok {
		return fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	for i, a := range list {
		if a.Outcome != store.ProposalAccepted && a.Outcome != store.ProposalDeclined || len([]rune(a.Why)) > 500 {
			return fail(http.StatusUnprocessableEntity, "proposal_answer", "line", first+i)
		}
	}
	index, err := d.o.Store.AnswerProposals(r.Context(), p.ID, who, list)
	if errors.Is(err, store.ErrProposal) {
		return fail(http.StatusConflict, "proposal_gone", "line", first+index)
	}
	return err
}

func (d *Desk) proposalForm(r *http.Request, l Lang) error {
	f := r.PostForm
	id, err := strconv.ParseInt(f.Get("id"), 10, 64)
	if err != nil {
		return store.ErrNotFound
	}
	proposed := f.Get("proposed")
	list, _, err := d.proposals(r.Context(), l, r.PathValue("id"), true)
	if err != nil {
		return err
	}
	for _, a := range list.Proposals {
		if a.ID == id && unchangedNumber(a.Attribute, proposed, a.Proposed) {
			proposed = a.Proposed // the page shows numbers by their first characters
		}
	}
	return d.answerProposals(r, f.Get("who"), []store.ProposalAnswer{{ID: id, Proposed: proposed, Outcome: store.ProposalOutcome(f.Get("outcome")), Why: f.Get("why")}}, 1)
}

// The columns of the list beside the platform's key.
const (
	askedID       = "编号"
	askedName     = "姓名"
	askedColumn   = "字段"
	askedShown    = "平台现值"
	askedProposed = "建议值"
	askedAnswer   = "处理（采纳/不采纳）"
	askedWhy      = "说明"
)

// proposalFile is the list that the owner downloads, fills in and brings back:
// ?format=xlsx, or csv.
func (d *Desk) proposalFile(w http.ResponseWriter, r *http.Request) error {
	list, reg, err := d.proposals(r.Context(), Chinese, r.PathValue("id"), false)
	if err != nil {
		return err
	}
	key := []string{"主键"}
	if reg != nil {
		key = reg.Spec.Key
	}
	table := [][]string{append(append([]string{askedID}, key...), askedName, askedColumn, askedShown, askedProposed, askedAnswer, askedWhy)}
	for _, a := range list.Proposals {
		if a.State != string(store.ProposalOpen) {
			continue
		}
		parts, ok := connectors.SplitKey(a.Key, len(key))
		if !ok {
			parts = append([]string{a.Key}, make([]string, len(key)-1)...)
		}
		table = append(table, append(append([]string{strconv.FormatInt(a.ID, 10)}, parts...), a.Name, a.Column, a.Shown, a.Proposed, "", ""))
	}
	name, kind, content := list.Platform+"_proposals.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", []byte(nil)
	if r.URL.Query().Get("format") == "csv" {
		name, kind = list.Platform+"_proposals.csv", "text/csv; charset=utf-8"
		content, err = csvOf(table)
	} else {
		content, err = sheetOf(table)
	}
	if err != nil {
		return err
	}
	if err := d.parcelNote(r, "", "proposal.download", list.Platform, "", map[string]int{"proposals": len(table) - 1}); err != nil {
		return err // what cannot be noted is not handed out
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"; filename*=UTF-8''`+url.PathEscape(list.Name+"_校核清单"+name[strings.LastIndex(name, "."):]))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(content) // when this fails, whoever asked is gone
	return nil
}

func csvOf(table [][]string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("\uFEFF") // office programs take it for their own encoding otherwise
	c := csv.NewWriter(&out)
	for _, row := range table {
		cells := slices.Clone(row)
		for i, text := range cells {
			if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
				cells[i] = "'" + text // no office program may take it for a formula
			}
		}
		if err := c.Write(cells); err != nil {
			return nil, err
		}
	}
	c.Flush()
	return out.Bytes(), c.Error()
}

func sheetOf(table [][]string) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close() //nolint:errcheck // in memory
	for i, row := range table {
		for k, text := range row {
			cell, err := excelize.CoordinatesToCellName(k+1, i+1)
			if err == nil {
				err = f.SetCellStr("Sheet1", cell, text)
			}
			if err != nil {
				return nil, fmt.Errorf("make the list: %w", err)
			}
		}
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return nil, fmt.Errorf("make the list: %w", err)
	}
	return b.Bytes(), nil
}

// tableOf reads a list that was filled in.
func tableOf(content []byte) ([][]string, error) {
	if bytes.HasPrefix(content, []byte("PK")) {
		f, err := excelize.OpenReader(bytes.NewReader(content), excelize.Options{UnzipSizeLimit: 256 << 20, UnzipXMLSizeLimit: 64 << 20})
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // in memory
		return f.GetRows(f.GetSheetName(0))
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if !bytes.Contains(content, []byte(askedID)) {
		if text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(content); err == nil {
			content = text
		}
	}
	c := csv.NewReader(bytes.NewReader(content))
	c.FieldsPerRecord = -1
	return c.ReadAll()
}

// answersOf reads the answers; a line without one is left open.
func answersOf(table [][]string) ([]store.ProposalAnswer, []int, error) {
	if len(table) == 0 {
		return nil, nil, fail(http.StatusUnprocessableEntity, "no_file")
	}
	at := map[string]int{}
	for i, name := range table[0] {
		at[strings.TrimSpace(name)] = i
	}
	for _, name := range []string{askedID, askedProposed, askedAnswer} {
		if _, ok := at[name]; !ok {
			return nil, nil, fail(http.StatusUnprocessableEntity, "proposal_columns", "column", name)
		}
	}
	var list []store.ProposalAnswer
	var lines []int
	for i, row := range table[1:] {
		cell := func(name string) string {
			if k, ok := at[name]; ok && k < len(row) {
				return row[k]
			}
			return ""
		}
		said := strings.ToLower(strings.TrimSpace(cell(askedAnswer)))
		if said == "" {
			continue
		}
		outcome, ok := map[string]store.ProposalOutcome{"采纳": store.ProposalAccepted, "accepted": store.ProposalAccepted,
			"不采纳": store.ProposalDeclined, "declined": store.ProposalDeclined}[said]
		id, err := strconv.ParseInt(strings.TrimSpace(cell(askedID)), 10, 64)
		if !ok || err != nil {
			return nil, nil, fail(http.StatusUnprocessableEntity, "proposal_answer", "line", i+2)
		}
		proposed := cell(askedProposed)
		if rest, ok := strings.CutPrefix(proposed, "'"); ok && rest != "" && strings.ContainsRune("=+-@", rune(rest[0])) {
			proposed = rest
		}
		list, lines = append(list, store.ProposalAnswer{ID: id, Proposed: proposed, Outcome: outcome, Why: strings.TrimSpace(cell(askedWhy))}), append(lines, i+2)
	}
	return list, lines, nil
}

// receiveProposals takes a list that the owner has filled in: all of it or nothing.
func (d *Desk) receiveProposals(r *http.Request) (int, error) {
	_, content, form, err := uploaded(r)
	if err != nil {
		return 0, err
	}
	table, err := tableOf(content)
	if err != nil {
		return 0, fail(http.StatusUnprocessableEntity, "bad_file", "why", "CSV / XLSX")
	}
	list, lines, err := answersOf(table)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	err = d.answerProposals(r, form.Get("who"), list, 1)
	var f *failure
	if errors.As(err, &f) && len(f.pairs) == 2 && f.pairs[0] == "line" {
		if n, ok := f.pairs[1].(int); ok {
			return 0, fail(f.status, f.code, "line", lines[n-1])
		}
	}
	return len(list), err
}

// postProposalFile answers POST /api/v1/platforms/{id}/proposals/file?who=….
func (d *Desk) postProposalFile(r *http.Request, _ Lang) (answer, error) {
	n, err := d.receiveProposals(r)
	return answer{status: http.StatusOK, body: ProposalsAnswered{r.PathValue("id"), n}}, err
}

func (d *Desk) proposalsPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "platforms")
	list, _, err := d.proposals(r.Context(), p.L, r.PathValue("id"), r.URL.Query().Get("all") != "")
	if err != nil {
		return err
	}
	if err := d.parcelNote(r, "", "proposal.read", list.Platform, "", map[string]int{"proposals": len(list.Proposals)}); err != nil {
		return err
	}
	const shown = 200 // more are in the list that is downloaded
	list.Proposals = list.Proposals[:min(shown, len(list.Proposals))]
	for i := range list.Proposals { // whoever carries the list has the numbers in it; a screen shows them to everybody
		a := &list.Proposals[i]
		a.Key, a.Shown, a.Proposed = shownKey(a.Key), veiled(a.Attribute, a.Shown), veiled(a.Attribute, a.Proposed)
	}
	p.Title, p.Back, p.Body = p.T("proposals.title", "platform", list.Name), "/platforms/"+list.Platform+"/proposals", list
	d.render(w, r, http.StatusOK, "proposals", p)
	return nil
}
