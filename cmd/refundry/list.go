package main

import (
	"context"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// pageFlags are those of commands that list a merchant's rows, newest first.
type pageFlags struct {
	databaseFlags
	merchantFlags
	jsonFlag
	limitFlag
	After string `help:"Only those older than this one, by its id." placeholder:"ID"`
}

// listing says how rows are listed.
type listing[T any] struct {
	// find finds the row that --after names.
	find func(ctx context.Context, merchantID, id string) (T, error)
	// read reads one page, and reports whether there are more.
	read func(ctx context.Context, merchantID string, page refund.Page) (rows []T, more bool, err error)
	// file writes all rows from a page's beginning on as a file, in the place of
	// read; nil where none is wanted.
	file func(ctx context.Context, merchantID string, page refund.Page) error
	// at is where a row stands in the list.
	at func(T) refund.Position
	// object is a row in JSON, and row its cells in the table below header.
	object func(T) any
	header []string
	row    func(T) []string
}

// sayUnreadable names rows that a list leaves out.
func (e *environment) sayUnreadable(what string, all []refund.Unreadable) {
	for _, one := range all {
		e.say("%s %s can't be read and is left out: its row is damaged (hint: refundry verify)", what, one.ID)
	}
}

// sayDamaged names a row that is shown though it is damaged.
func (e *environment) sayDamaged(what, id string, damaged bool) {
	if damaged {
		e.say("%s %s can't be read: its row is damaged (hint: refundry verify)", what, id)
	}
}

// printPage prints a page of rows that listed describes.
func printPage[T any](e *environment, f pageFlags, listed func(*store.Store) listing[T]) error {
	if err := f.check(); err != nil {
		return err
	}
	s, m, err := openFor(e, f.databaseFlags, f.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	l, page := listed(s), refund.Page{Limit: f.Limit}
	if f.After != "" {
		after, err := l.find(e, m.ID, f.After)
		if err != nil {
			return asUsage(err)
		}
		at := l.at(after)
		page.After = &at
	}
	if l.file != nil {
		return asUsage(l.file(e, m.ID, page))
	}
	rows, more, err := l.read(e, m.ID, page)
	switch {
	case err != nil:
		return asUsage(err)
	case more && len(rows) == 0:
		e.say("there are more behind those that are damaged (hint: a larger --limit)")
	case more:
		e.more(l.at(rows[len(rows)-1]).ID)
	}
	return printList(e, f.JSON, rows, l.object, l.header, l.row)
}
