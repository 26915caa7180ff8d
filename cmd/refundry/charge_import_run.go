package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
)

// chunkLines is how many charges go through one commit.
const chunkLines = 500

// importRun takes the lines of a file to the store, a chunk a commit.
type importRun struct {
	lines    *chargefile.Reader
	importer native.Importer
	register func(ctx context.Context, charges []refund.Charge) ([]refund.Registered, error)
	report   *importReport
	seed     maphash.Seed
	// seen is the line that first named a charge, by the hash of each of the
	// charge's names: a million lines are kept in some tens of megabytes.
	seen map[uint64]int
}

// all reads to the end, or to an error that is not a line's.
func (r *importRun) all(ctx context.Context) error {
	r.seed, r.seen = maphash.MakeSeed(), make(map[uint64]int)
	for {
		more, err := r.chunk(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// chunk reads and registers up to chunkLines charges; more is false at the end
// of the file. Lines are reported in their order.
func (r *importRun) chunk(ctx context.Context) (more bool, err error) {
	r.importer = r.importer.At(time.Now().UTC().Truncate(time.Microsecond))
	var lines []chargefile.Line
	var charges []refund.Charge
	at := make(map[int]int) // a charge's place, by its line's
	for more = true; more && len(charges) < chunkLines && len(lines) < 2*chunkLines; {
		line, err := r.lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			more = false
			continue
		case err != nil:
			return false, fmt.Errorf("read the file: %w", err)
		}
		if line.Body != nil {
			charge, err := r.importer.Charge(line.Body)
			if err == nil {
				at[len(lines)] = len(charges)
				charges = append(charges, charge)
			} else {
				line.Problem = reason(err)
			}
		}
		lines = append(lines, line)
	}
	results, err := r.register(ctx, charges)
	if err != nil {
		return false, fmt.Errorf("from line %d on, nothing was registered: %w", lines[0].Number, err)
	}
	for n, line := range lines {
		place, is := at[n]
		switch {
		case is:
			r.result(line, charges[place], results[place])
		case line.Problem != "":
			r.report.reject(line, line.Problem)
		default:
			r.report.pass(line)
		}
	}
	return more, r.report.err
}

// result reports what became of a charge.
func (r *importRun) result(line chargefile.Line, sent refund.Charge, result refund.Registered) {
	names := r.names(sent, result)
	for _, name := range names {
		if first := r.seen[name]; first != 0 {
			text := fmt.Sprintf("names the same charge as line %d", first)
			if result.Err != nil {
				text += ": " + reason(result.Err)
			}
			r.report.reject(line, text)
			return
		}
	}
	if result.Err != nil {
		r.report.reject(line, reason(result.Err))
		return
	}
	for _, name := range names {
		r.seen[name] = line.Number
	}
	r.report.registered(line, result)
}

// names are hashes of what a line calls its charge: the transaction, the names
// that it gives itself, and the id of the charge that was found by them.
func (r *importRun) names(c refund.Charge, result refund.Registered) []uint64 {
	var all []uint64
	add := func(kind, name string) { all = append(all, maphash.String(r.seed, kind+"\x00"+name)) }
	if c.TransactionID != "" {
		add("transaction\x00"+c.ChannelAccount, c.TransactionID)
	}
	for _, alias := range c.Aliases {
		if !alias.MadeUp {
			add(alias.Dialect, alias.Name)
		}
	}
	switch known := refund.As(result.Err); {
	case result.Err == nil:
		add("id", result.Charge.ID)
	case known != nil && known.Charge != "":
		add("id", known.Charge)
	}
	return all
}
