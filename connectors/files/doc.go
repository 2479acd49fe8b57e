// Package files is the connector kind of platforms that hand over files: CSV in
// UTF-8, GBK or GB18030, or XLSX, in a folder.
//
// In flow: complete extracts with an as-of date, and incremental drops, in the
// order of their as-of times; columns by header names, never by position. Out
// flow: one batch file for each push in an outbox folder, whose outcome comes
// later in an acknowledgement file.
//
// # Reading
//
// A file is left alone until it is complete (done_marker). It is looked through
// once before its first row is given out: is it in the declared encoding, has it
// the columns, does its trailer count what is there. A file that fails is
// refused as a whole with a sentence, stays where it is, and the others go on. A
// single row that cannot be read becomes a dead row with file and line. A full
// extract with a row whose key could not be read is not Complete: somebody who
// is in it might be taken for deleted. Nor is an extract that is older than one
// that was already read.
//
// The cursor lists the finished files; Confirm moves them to processed/ once
// what was in them is merged, never before (I1).
//
// # Writing
//
// A batch is written under a temporary name, flushed, and renamed; its name
// holds the batch id, and a journal beside remembers it after the platform has
// taken it away. The same batch is the same file and is never dropped twice
// (I5). A character that the platform's encoding cannot hold refuses its row,
// by column, without the value (I9).
package files
