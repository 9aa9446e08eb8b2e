import { unknownChoices, type Unknowns } from '../../infra/local/unknowns';
import { allCombinations } from '../support/combinations';
import { testUnder } from './under-unknowns';

/** Every combination of all unknowns; the tests try every pair. */
testUnder(allCombinations(unknownChoices) as readonly Unknowns[]);
