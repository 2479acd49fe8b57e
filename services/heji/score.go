package main

import (
	"fmt"
	"regexp"

	"heji/services/linkage/files"
)

type scoreCommand struct {
	Pattern  string `help:"Take the entity of a record of TRUTH from its key: the pattern's first group, for example 'rec-([0-9]+)-'."`
	Encoding string `help:"Encoding of the files." default:"auto"`
	Truth    string `arg:"" help:"CSV with columns for key and entity (or cluster), and source where keys are not unique without." type:"path"`
	Links    string `arg:"" help:"What heji link wrote." type:"path"`

	console
}

// Run prints how well links agree with the truth.
func (c *scoreCommand) Run() error {
	var pattern *regexp.Regexp
	if c.Pattern != "" {
		var err error
		if pattern, err = regexp.Compile(c.Pattern); err != nil {
			return fmt.Errorf("--pattern: %w", err)
		}
	}
	truth, err := files.ReadGrouping(c.Truth, c.Encoding, pattern)
	if err != nil {
		return err
	}
	links, err := files.ReadGrouping(c.Links, files.Auto, nil)
	if err != nil {
		return err
	}
	s, err := files.ScoreLinks(truth, links)
	if err != nil {
		return err
	}
	return s.Print(c.out())
}
