package move

// At has a run call f between its steps; an error of f ends the run there.
func (o Options) At(f func(step string) error) Options {
	o.at = f
	return o
}

// PieceRows is how many rows are copied as one.
const PieceRows = pieceRows
