package main

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/text/width"
)

// columns is a table for a terminal: cells end with a tab, lines with a newline,
// and nothing is written before Flush. Unlike text/tabwriter it knows that a
// Chinese character is as wide as two letters.
type columns struct {
	to  io.Writer
	buf bytes.Buffer
}

func newColumns(to io.Writer) *columns { return &columns{to: to} }

func (c *columns) Write(p []byte) (int, error) { return c.buf.Write(p) }

// Flush writes the table: each column as wide as its widest cell, and two blanks.
func (c *columns) Flush() error {
	var lines [][]string
	var widest []int
	for line := range strings.Lines(c.buf.String()) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		lines = append(lines, cells)
		for i, cell := range cells[:len(cells)-1] { // what follows the last tab is no column
			if i == len(widest) {
				widest = append(widest, 0)
			}
			widest[i] = max(widest[i], cellWidth(cell))
		}
	}
	c.buf.Reset()
	var out strings.Builder
	for _, cells := range lines {
		var row strings.Builder
		for i, cell := range cells {
			row.WriteString(cell)
			if i < len(cells)-1 {
				row.WriteString(strings.Repeat(" ", widest[i]-cellWidth(cell)+2))
			}
		}
		out.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	_, err := io.WriteString(c.to, out.String())
	return err
}

// cellWidth is how many letters' room a text takes on a terminal.
func cellWidth(s string) (n int) {
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
