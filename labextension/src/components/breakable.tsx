import type { JSX } from 'react';
import { Fragment } from 'react';

/** A long name that may be broken after its `_`, `.` and before its `[`, and stays one when it is copied. */
export function breakable(text: string): JSX.Element {
  return (
    <>
      {text.split(/(?<=_|[a-z]\.)|(?=\[)/).map((part, i) => (
        <Fragment key={i}>
          {i > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  );
}
