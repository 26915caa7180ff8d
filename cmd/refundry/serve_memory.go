package main

import "os"

// heapFloor is what heapRoom adds, in bytes (docs/performance.md has what that brings).
const heapFloor = 16 << 20

// heapRoom is memory that is never touched, and so takes none of the machine's. The
// garbage collector counts it as in use while the caller keeps it: it works when the
// heap has grown by as much as is in use, and a service has so little in use that it
// would hardly rest. Unlike a higher GOGC it adds no more where much is in use.
// nil: the operator has said by GOGC or GOMEMLIMIT what is wanted.
func heapRoom() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, heapFloor)
}
