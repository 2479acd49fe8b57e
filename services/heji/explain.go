package main

import (
	"fmt"

	"heji/services/linkage"
	"heji/services/linkage/files"
)

type explainCommand struct {
	Model    string   `help:"The model: a YAML file, or residents for the one that the program carries." default:"residents"`
	Encoding string   `help:"Encoding of the files: auto finds UTF-8, UTF-16 with a mark and GB18030." default:"auto"`
	Values   bool     `help:"Show what the two records say." default:"true" negatable:""`
	Lang     string   `help:"Language: zh or en." enum:"zh,en" default:"en" env:"HEJI_LANG"`
	A        string   `arg:"" help:"A record: its key, or source/key."`
	B        string   `arg:"" help:"Another record."`
	Files    []string `arg:"" name:"input" help:"CSV files." type:"path"`

	console
}

// Run draws why two records are, or are not, taken for one.
func (c *explainCommand) Run() error {
	m, err := linkage.LoadFile(c.Model)
	if err != nil {
		return err
	}
	if err := m.Ready(); err != nil {
		return fmt.Errorf("model %s: %w", c.Model, err)
	}
	in, err := files.OpenInput(m, c.Files, c.Encoding)
	if err != nil {
		return err
	}
	e, err := in.Explain(c.A, c.B)
	if err != nil {
		return err
	}
	return e.Print(c.out(), linkage.Language(c.Lang), c.Values)
}
