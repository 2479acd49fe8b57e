package desk

import (
	"net/http"
	"strconv"

	"heji/schema"
	"heji/services/store"
)

// ImportsBody is the page where a list is brought.
type ImportsBody struct {
	Imports []ImportReply
	Max     int64 // largest file, in bytes: a script says so before it is sent
	MaxMB   int64
}

// ImportBody is the page of one import.
type ImportBody struct {
	ImportReply
	Choices []Choice // what a column may be
	Taken   []string // names of the columns that are taken
	Through int64    // lines that are done
	Share   int64    // percent of them
	Poll    string
}

// Ready is how many lines are to be entered: those whose errors are known already
// are not promised.
func (b ImportBody) Ready() int64 {
	if b.Tried == nil {
		return b.Lines
	}
	return b.Lines - int64(b.Tried.Bad)
}

// Choice is one attribute that a column may be.
type Choice struct {
	Attribute schema.Attribute
	Label     string
}

func (d *Desk) importsPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "imports")
	list, err := d.o.Store.Imports(r.Context(), owner(r), importsShown)
	if err != nil {
		return err
	}
	limit := bodyLimit(&http.Request{URL: r.URL})
	body := ImportsBody{Max: limit, MaxMB: limit >> 20}
	for _, i := range list {
		body.Imports = append(body.Imports, p.L.importReply(i))
	}
	p.Title, p.Body = p.T("import.title"), body
	d.render(w, r, http.StatusOK, "imports", p)
	return nil
}

func (d *Desk) importPost(w http.ResponseWriter, r *http.Request) error {
	id, err := d.bring(r)
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/imports/"+id.String(), http.StatusSeeOther)
	return nil
}

func (d *Desk) importPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "imports")
	i, err := d.importOf(r)
	if err != nil {
		return err
	}
	reply, err := d.importReply(r.Context(), p.L, i)
	if err != nil {
		return err
	}
	body := ImportBody{ImportReply: reply, Poll: "/api/v1/imports/" + reply.ID}
	if reply.Lines > 0 {
		body.Through = reply.Lines - reply.Waiting
		body.Share = 100 * body.Through / reply.Lines
	}
	for _, def := range visible {
		body.Choices = append(body.Choices, Choice{def.Name, p.L.Attribute(def.Name)})
	}
	for _, c := range reply.Columns {
		if c.Attribute != "" {
			body.Taken = append(body.Taken, c.Label)
		}
	}
	if p.Who == "" {
		p.Who = reply.Who
	}
	if reply.State == store.ImportRunning {
		p.Refresh = 2
	}
	p.Title, p.Body = p.T("import.one", "name", reply.Name), body
	d.render(w, r, http.StatusOK, "import", p)
	return nil
}

func (d *Desk) startPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	b := startBody{Who: r.PostForm.Get("who"), Try: r.PostForm.Get("do") == "try"}
	for i := 0; r.PostForm.Has("column." + strconv.Itoa(i)); i++ {
		b.Columns = append(b.Columns, schema.Attribute(r.PostForm.Get("column."+strconv.Itoa(i))))
	}
	id, err := d.start(r, b)
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/imports/"+id.String(), http.StatusSeeOther)
	return nil
}

func (d *Desk) undoImportPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	id, err := d.undoImport(r, r.PostForm.Get("who"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/imports/"+id.String(), http.StatusSeeOther)
	return nil
}
